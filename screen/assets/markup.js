// @ts-check
"use strict";

/** The component of screen/components/markup.py: an element whose content is HTML, which only scripts change. */
window.pairbridge_markup = {
  Markup({ id, tag, attributes, html }) {
    return window.React.createElement(tag, { id, ...attributes, dangerouslySetInnerHTML: { __html: html } });
  },
};
