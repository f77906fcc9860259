"use strict";

// The limits that ruff sets for Python. Undefined names are found by tsc, which reads the classic scripts of a page as
// one program; for the same reason a class without a use in its own file is not unused.
const RULES = {
  complexity: ["error", 12],
  "max-lines": ["error", 300],
  "max-lines-per-function": ["error", { max: 40, skipBlankLines: true, skipComments: true }],
  "no-unused-vars": ["error", { vars: "local" }],
};

module.exports = [
  { ignores: [".venv/", ".venv-peers/", "data/", "tests/", "**/vendor/"] },
  { files: ["**/*.js"], languageOptions: { ecmaVersion: 2022, sourceType: "script" }, rules: RULES },
];
