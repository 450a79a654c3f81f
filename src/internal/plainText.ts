/**
 * Text of strangers for formats that are no JSON: what can be written into them as it is, and what cannot.
 */

/** Control characters, ends of lines, halves of characters, what is no character, and what turns the direction of writing. */
const unsafe = "[\\p{Cc}\\p{Cs}\\p{NChar}\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff]"
const hasUnsafe = new RegExp(unsafe, "u")
const everyUnsafe = new RegExp(unsafe, "gu")

/** Whether it is one line in every reader's eyes, and the same again after it was UTF-8. */
export const isPlain = (text: string): boolean => !hasUnsafe.test(text)

/**
 * Made plain, for people: everything else is written as an escape, which cannot be told from a text that had it before, and only
 * of the beginning. Who needs all of it finds it elsewhere.
 */
export const toPlain = (text: string): string =>
  hasUnsafe.test(text) ? text.slice(0, shown).replace(everyUnsafe, escapes) : text

const shown = 1024

/** The same JSON, made plain. */
export const toPlainJson = (json: string): string => json.replace(everyUnsafe, escapes)

const escapes = (char: string): string => char.split("").map(escape).join("")

const escape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`

/** A word of printable ASCII, cut at a length; `-`, which stands for none, where nothing is left. */
export const toWord = (text: string, maxLength: number): string => {
  const word = text.slice(0, maxLength).replace(/[^!-~]/g, "_")
  return word === "" ? "-" : word
}
