// @ts-check
"use strict";

/**
 * A worker that draws what PairbridgeForming sends. Its canvas reaches the screen by itself: drawn by the page, each
 * trade would cost a frame of the page, in which the browser looks at every canvas of the chart.
 */
(() => {
  const scope = /** @type {any} */ (self);
  const known = /** @type {Map<number, {canvas: any, next: any, newest: any}>} */ (new Map());

  scope.onmessage = ({ data: { at, canvas, isGone, picture, newest } }) => {
    if (canvas) known.set(at, { canvas, next: null, newest: null });
    else if (isGone) known.delete(at);
    else {
      const each = known.get(at);
      if (!each) return;
      each.newest = newest;
      if (!picture && !each.next) scope.postMessage(newest); // what is drawn includes these trades
      if (!picture) return;
      if (!each.next) scope.requestAnimationFrame(() => show(at));
      each.next = picture;
    }
  };

  /** Draw the newest picture of a canvas, and tell the page which trades it includes. */
  function show(at) {
    const each = known.get(at);
    if (!each?.next) return;
    draw(each.canvas, each.next);
    each.next = null;
    scope.postMessage(each.newest);
  }

  function draw(canvas, { width, height, ratio, left, boxes, label }) {
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== across) canvas.width = across;
    if (canvas.height !== down) canvas.height = down;
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.translate(-left, 0);
    for (const [fill, ...box] of boxes) {
      context.fillStyle = fill;
      context.fillRect(...box);
    }
    if (label) write(context, label);
  }

  function write(context, { fill, ink, font, box, text, textLeft, textTop }) {
    context.fillStyle = fill;
    context.beginPath();
    context.roundRect(...box, [0, 2, 2, 0]);
    context.fill();
    context.fillStyle = ink;
    context.font = font;
    context.textBaseline = "middle";
    context.textAlign = "left";
    context.fillText(text, textLeft, textTop);
  }
})();
