/** What the network sees of a frame: the rest is darkened. The crops are those of tlpipe_edge/images/decode.py. */

/**
 * Draw the crop over an image.
 * @param {SVGSVGElement} over an element over the image, with a path for what is left out and a rectangle for the crop
 * @param {{width: number, height: number, crop: string}} image its sides in pixels
 */
export function drawCrop(over, { width, height, crop }) {
  const side = Math.min(width, height);
  const [w, h] = crop === "center-crop" ? [side, side] : [width, height];
  const [x, y] = [(width - w) >> 1, (height - h) >> 1];
  over.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const [outside, inside] = over.children;
  outside.setAttribute("d", `M0 0H${width}V${height}H0ZM${x} ${y}h${w}v${h}h${-w}Z`);
  Object.entries({ x, y, width: w, height: h }).forEach(([name, value]) => inside.setAttribute(name, String(value)));
}
