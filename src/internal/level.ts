/**
 * Severity: named as Effect names it in code (`"Warning"`), as Python's logging does on the wire (`"WARNING"`), because that
 * is what readers of these logs already parse.
 */
import type { LogLevel } from "effect"

/** The levels an event or a log can have, lowest first. Effect's `Trace` has no name of its own on the wire. */
export const levels = ["Debug", "Info", "Warning", "Error", "Fatal"] as const

export type Level = (typeof levels)[number]

export const wireLevels = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] as const

export type WireLevel = (typeof wireLevels)[number]

const wireByLevel: Record<LogLevel.Literal, WireLevel> = {
  All: "DEBUG",
  Trace: "DEBUG",
  Debug: "DEBUG",
  Info: "INFO",
  Warning: "WARNING",
  Error: "ERROR",
  Fatal: "CRITICAL",
  None: "CRITICAL"
}

export const toWire = (level: LogLevel.Literal): WireLevel => wireByLevel[level]

/** Whether `level` is at least `minimum`. */
export const isAtLeast = (level: WireLevel, minimum: WireLevel): boolean =>
  wireLevels.indexOf(level) >= wireLevels.indexOf(minimum)
