// @ts-check
"use strict";

/**
 * The component of screen/components/markup.py: an element whose content is HTML. Other HTML takes the place of all of
 * it; the element at the place of the one that had the focus has it then.
 */
window.pairbridge_markup = (() => {
  /** The way from an element down to one in it, by the place among the children; null where it is not in it. */
  function wayTo(root, inside) {
    const way = [];
    if (!root?.contains(inside) || root === inside) return null;
    for (let at = inside; at !== root; at = at.parentElement) way.unshift([...at.parentElement.children].indexOf(at));
    return way;
  }

  function Markup({ id, tag, attributes, html }) {
    const { createElement, useLayoutEffect, useRef } = window.React;
    const root = useRef(null);
    const way = wayTo(root.current, document.activeElement);
    useLayoutEffect(() => {
      const there = way?.reduce((at, place) => at?.children[place], root.current);
      if (there && there !== document.activeElement) there.focus({ preventScroll: true });
    }, [html]);
    return createElement(tag, { id, ...attributes, ref: root, dangerouslySetInnerHTML: { __html: html } });
  }

  return { Markup };
})();
