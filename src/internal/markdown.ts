/**
 * Pieces of Markdown (CommonMark, with the tables of GitHub) in which any text stays text.
 */
import { legible, legibleLine } from "./legible.js"

/** Words on one line, after others. */
export const text = (words: string): string => legibleLine(words).replace(/[\\`*_[\]<>&|~$#!]/g, "\\$&")

/** Words that begin a line, where they could make lists, rules and headings. */
export const paragraph = (words: string): string =>
  text(words)
    .replace(/^(\s*)([-+=])/, "$1\\$2")
    .replace(/^(\s*\d+)([.)])/, "$1\\$2")

/** Text as it was written, on one line. */
export const code = (words: string): string => {
  const shown = legibleLine(words)
  if (shown.trim() === "") return "` `"
  const fence = "`".repeat(longestRun(shown) + 1)
  // One space on each side is taken away again.
  const space = /^[` ]|[` ]$/.test(shown) ? " " : ""
  return `${fence}${space}${shown}${space}${fence}`
}

/** A block of text as it was written. */
export const fence = (language: string, content: string): string => {
  const mark = "`".repeat(Math.max(3, longestRun(content) + 1))
  return `${mark}${language}\n${legible(content)}\n${mark}`
}

/** A table. Cells are Markdown, in which only the bars have to be escaped once more. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map(cell).join(" | ")} |`).join("\n")

/** A bar ends a cell, also one in code, unless a backslash is before it. */
const cell = (markdown: string): string =>
  markdown.replace(/(\\*)\|/g, (_, before: string) => (before.length % 2 === 1 ? `${before}|` : `${before}\\|`))

const longestRun = (words: string): number => Math.max(0, ...Array.from(words.matchAll(/`+/g), ([run]) => run.length))
