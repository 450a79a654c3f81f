/**
 * Text of strangers, made safe to show: nothing in it moves the cursor, changes colours, breaks the line, turns the direction
 * of writing or hides.
 */

/** Control characters (C0, C1), formats (bidirectional ones, zero width), surrogates, private use, line and paragraph ends. */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu

const named: Record<string, string> = { "\t": "\\t", "\n": "\\n", "\r": "\\r" }

const escape = (char: string): string => {
  const code = char.codePointAt(0)!.toString(16)
  return named[char] ?? (code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, "0")}`)
}

/** On one line, with everything that is not seen written as an escape. */
export const visible = (text: string): string => text.replace(unsafe, escape)

/** The same for a JSON text, which stays the same JSON. White space between its values becomes spaces. */
export const visibleJson = (json: string): string =>
  // Inside its texts, JSON has no control characters below U+0020.
  json.replace(unsafe, (char) => (char < " " ? " " : unitsOf(char)))

const unitsOf = (char: string): string =>
  Array.from({ length: char.length }, (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, "0")}`).join("")

/** How many columns a terminal takes for a visible text, as far as that can be told without its tables. */
export const widthOf = (text: string): number => {
  let width = 0
  for (const char of text) width += /\p{M}/u.test(char) ? 0 : wide.test(char) ? 2 : 1
  return width
}

/** East Asian letters in their wide form, and pictures. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\p{Emoji_Presentation}\u{20000}-\u{3fffd}]/u

/** At most so many columns of a visible text, with `…` where something is left out. */
export const cut = (text: string, columns: number): string => {
  // As much as fits beside `…`. The text may be very long: no more of it is looked at than is needed.
  let kept = 0
  let width = 0
  let at = 0
  for (const char of text) {
    width += widthOf(char)
    if (width > columns) return `${text.slice(0, kept)}…`
    at += char.length
    if (width < columns) kept = at
  }
  return text
}

/** Filled up with spaces to so many columns. */
export const pad = (text: string, columns: number): string => text + " ".repeat(Math.max(0, columns - widthOf(text)))
