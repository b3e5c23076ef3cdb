/** Text from outside: labels and file names. It is written with textContent, so that it is never markup. */

/**
 * Control and bidirectional characters as escapes, as `tlpipe_edge.console.text.printable`; letters of every script stay,
 * with what joins them.
 * @param {string} text
 */
export function printable(text) {
  return text.replace(/(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    const short = { "\t": "\\t", "\n": "\\n", "\r": "\\r" }[character];
    if (short !== undefined) return short;
    const code = /** @type {number} */ (character.codePointAt(0));
    const [letter, digits] = code < 0x100 ? ["x", 2] : code < 0x10000 ? ["u", 4] : ["U", 8];
    return `\\${letter}${code.toString(16).padStart(digits, "0")}`;
  });
}

/**
 * @param {number} bytes
 * @returns {string} in millions, or in thousands
 */
export function size(bytes) {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/**
 * @param {number} count
 * @param {string} noun
 */
export const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
