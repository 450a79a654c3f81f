/**
 * The original's levels are numbers, five of which have names. Effect's have names only: a number stands for the highest
 * named level that it reaches.
 */
import type { AuditEvent } from "effect-registrar"

const levelByName: Readonly<Record<string, AuditEvent.Level>> = {
  DEBUG: "Debug",
  INFO: "Info",
  WARNING: "Warning",
  ERROR: "Error",
  CRITICAL: "Fatal"
}

export const level = (given: string | number): AuditEvent.Level | undefined => {
  if (typeof given === "string") return levelByName[given.toUpperCase()]
  if (given >= 50) return "Fatal"
  if (given >= 40) return "Error"
  if (given >= 30) return "Warning"
  if (given >= 20) return "Info"
  return "Debug"
}

/** What is no level stays what it is, for the library to refuse. */
export const eventLevel = (given: unknown): AuditEvent.Level =>
  ((typeof given === "string" || typeof given === "number" ? level(given) : undefined) ?? given) as AuditEvent.Level
