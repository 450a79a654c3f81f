/**
 * Comma-separated values after RFC 4180, that do nothing when they are opened.
 *
 * A spreadsheet takes a cell that begins with one of `= + - @`, a tab or a line end for a formula, and what runs in it can
 * send the other cells away (CWE-1236). Such cells begin with `'` instead, which spreadsheets do not show.
 */
import { visible } from "./visible.js"

export interface Options {
  /** Write cells as they are, formulas included. */
  readonly raw?: boolean
}

/** One row, with its line end. */
export const row = (cells: ReadonlyArray<string>, { raw = false }: Options = {}): string =>
  cells.map((cell) => quoted(raw ? cell : harmless(cell))).join(",") + "\r\n"

const harmless = (cell: string): string => {
  // RFC 4180 knows no other control characters in a cell.
  const text = cell.replaceAll(/[^\t\r\n]+/g, visible)
  return /^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text
}

const quoted = (cell: string): string => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)
