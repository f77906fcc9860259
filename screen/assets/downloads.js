// @ts-check
"use strict";

/**
 * A link to a file whose address comes from a form. Pressing it leaves the field in which was typed, and only then is
 * what was typed sent and answered with an address: the link is followed when the answer is there.
 */
(() => {
  const LOADING = "data-dash-is-loading"; // on what waits for an answer
  const frame = () => new Promise((done) => requestAnimationFrame(done));

  /** Until no answer is awaited; the element then is another if the page was changed. */
  async function settled(id) {
    await frame();
    await frame(); // what was typed has been sent by then
    while (document.getElementById(id)?.hasAttribute(LOADING)) await frame();
    return /** @type {HTMLAnchorElement|null} */ (document.getElementById(id));
  }

  async function follow(id) {
    const link = await settled(id);
    if (!link?.href) return; // the form says what is wrong with it
    const twin = document.createElement("a");
    Object.assign(twin, { href: link.href, download: "" });
    twin.click();
  }

  document.addEventListener("click", (event) => {
    const link = /** @type {Element} */ (event.target).closest?.("a[download][id]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    follow(link.id);
  });
})();
