/**
 * Counts as horizontal bars of text.
 */
import { cut, pad, widthOf } from "./visible.js"

export interface Bar {
  /** As it is shown: visible text. */
  readonly label: string
  readonly count: number
}

const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]

/** One line for each bar, no wider than so many columns, the longest bar as long as fits. */
export const barChart = (bars: ReadonlyArray<Bar>, columns: number): ReadonlyArray<string> => {
  const most = Math.max(1, ...bars.map(({ count }) => count))
  const countWidth = Math.max(0, ...bars.map(({ count }) => grouped(count).length))
  const labelWidth = Math.max(
    1,
    Math.min(Math.max(0, ...bars.map(({ label }) => widthOf(label))), Math.floor((columns - countWidth) / 2))
  )
  const barWidth = columns - labelWidth - countWidth - 4
  return bars.map(({ label, count }) => {
    const start = `${pad(cut(label, labelWidth), labelWidth)}  ${grouped(count).padStart(countWidth)}`
    return barWidth < 4 ? cut(start, columns) : `${start}  ${bar((count / most) * barWidth)}`.trimEnd()
  })
}

/** What is not nothing is seen. */
const bar = (width: number): string => {
  const parts = width === 0 ? 0 : Math.max(1, Math.round(width * 8))
  return "█".repeat(Math.floor(parts / 8)) + eighths[parts % 8]
}

/** `1,234,567`. */
export const grouped = (count: number): string => count.toLocaleString("en-US")
