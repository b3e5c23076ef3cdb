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
