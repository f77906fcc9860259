// @ts-check
"use strict";

/**
 * Libraries that are not for every page (screen/late_libraries.py): their scripts are named in the document but not
 * run. Each is loaded once, before the first page that may use it is mounted.
 */
const PairbridgeLate = (() => {
  const loading = /** @type {Map<string, Promise<void>>} */ (new Map());

  function load(address) {
    const promise = new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.onload = () => resolve(undefined);
      script.onerror = () => {
        loading.delete(address); // the next page tries again
        reject(new Error(`${address} could not be loaded`));
      };
      script.src = address;
      document.head.append(script);
    });
    loading.set(address, promise);
    return promise;
  }

  /** The address of a page, once everything that the page may use is there. */
  async function ready(path) {
    const page = PairbridgeCore.pageOf(path);
    const late = /** @type {NodeListOf<HTMLScriptElement>} */ (document.querySelectorAll("script[data-not-for]"));
    const wanted = [...late].filter((each) => !(each.dataset.notFor ?? "").split(" ").includes(page));
    await Promise.all(wanted.map((each) => loading.get(each.src) ?? load(each.src)));
    return path;
  }

  return { ready };
})();
PairbridgeLate.ready(location.pathname).catch(() => {}); // the router asks again, and tells the failure
