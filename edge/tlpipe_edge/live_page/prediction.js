/** How a prediction is shown: on the live page of a device, and on the page of `tlpipe web`, which imports this file. */

/** @typedef {{label: string, score: number}} Scored a label and its score, 0 to 1 */

/** @param {number} score */
export const percent = (score) => (100 * score).toFixed(1) + " %";

/**
 * @param {Node} node
 * @param {string} text
 */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text; // a screen reader reads changes only
}

/**
 * Rows of a label, its score and a bar, in a list. They take their room before they are used, so that nothing moves.
 * @param {Element} list
 * @param {number} count
 * @returns {HTMLElement[]}
 */
export function makeBars(list, count) {
  const rows = Array.from({ length: count }, () => {
    const row = document.createElement("li");
    row.innerHTML = '<span class="one-line">–</span><span></span><div class="bar" aria-hidden="true"><div></div></div>';
    return row;
  });
  list.replaceChildren(...rows);
  return rows;
}

/**
 * @param {HTMLElement[]} rows
 * @param {Scored[]} best the labels with the highest scores, the highest first
 */
export function showBars(rows, best) {
  rows.forEach((row, place) => {
    const each = best[place];
    row.classList.toggle("used", each !== undefined);
    if (each === undefined) return;
    write(row.children[0], each.label);
    /** @type {HTMLElement} */ (row.children[0]).title = each.label; // which may be cut off
    write(row.children[1], percent(each.score));
    const bar = /** @type {HTMLElement} */ (row.children[2].firstElementChild);
    bar.style.width = 100 * each.score + "%";
  });
}
