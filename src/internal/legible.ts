/**
 * Text of strangers for documents: what cannot be seen, and what turns the direction of writing, is written as an escape.
 * Letters of every script stay as they are, also those that are joined by something invisible.
 */

/** Control characters but tab and line feed, bidirectional marks, half characters, separators, the byte order mark. */
const unsafe =
  /(?![\t\n])[\p{Cc}\p{Cs}\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]/gu

const escape = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`

/** Lines stay lines. */
export const legible = (text: string): string => text.replaceAll("\r\n", "\n").replace(unsafe, escape)

/** On one line. */
export const legibleLine = (text: string): string =>
  legible(text).replace(/[\t\n]/g, (char) => (char === "\n" ? "\\n" : "\\t"))

/** Paragraphs, each on one line. */
export const paragraphs = (text: string): ReadonlyArray<string> =>
  legible(text)
    .split(/\n[\t ]*\n/)
    .map((paragraph) => paragraph.replace(/\s+/g, " ").trim())
    .filter((paragraph) => paragraph !== "")

/** Text in which names of things stand between backticks, as in comments. */
export const codeSpans = (text: string): ReadonlyArray<{ readonly text: string; readonly isCode: boolean }> =>
  text.split(/`([^`]+)`/).map((text, nth) => ({ text, isCode: nth % 2 === 1 }))
