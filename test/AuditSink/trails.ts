/** Trails in files, as tests make them and look at them. */
import { assert } from "@effect/vitest"
import { Effect, Either } from "effect"
import * as AuditChain from "../../src/AuditChain.js"
import * as AuditRecord from "../../src/AuditRecord.js"
import { readLines } from "../internal/logFiles.js"

/** All records of the trail, those of its segments first. */
export const readTrail = (path: string) =>
  Effect.map(readLines(path), (lines) => lines.map((line) => Either.getOrThrow(AuditRecord.fromLine(line))))

/** What the trail says about itself, without the common beginning of its types. */
export const ownTypes = (trail: ReadonlyArray<AuditRecord.AuditRecord>) =>
  trail
    .filter(({ source }) => source === "effect-registrar")
    .map(({ event }) => event.type.replace("registrar-trail-", ""))

/** The numbers of the application's records. */
export const numbers = (trail: ReadonlyArray<AuditRecord.AuditRecord>) =>
  trail.filter(({ event }) => event.type === "test-event").map(({ event }) => Number(event.details["number"]))

export const verify = (path: string, options?: AuditChain.Options) =>
  Effect.map(readLines(path), (lines) => verifyLines(lines, options))

export const verifyLines = (lines: ReadonlyArray<string>, options?: AuditChain.Options) => {
  const verifier = AuditChain.verifier(options)
  for (const line of lines) verifier.line(Buffer.from(line))
  return verifier.end()
}

export const assertValid = (path: string, options?: AuditChain.Options) =>
  Effect.map(verify(path, options), (report) => {
    assert.strictEqual(report.problem?.message, undefined)
    return report
  })
