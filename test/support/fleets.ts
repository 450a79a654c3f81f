/** The trails of a fleet, as its instances write them, and what somebody may do to them. */
import { Effect, Either, Option } from "effect"
import fc from "fast-check"
import * as Crypto from "node:crypto"
import * as AuditChain from "../../src/AuditChain.js"
import * as AuditFleet from "../../src/AuditFleet.js"
import * as AuditRecord from "../../src/AuditRecord.js"
import * as AuditTrail from "../../src/AuditTrail.js"

const pair = Effect.runSync(AuditChain.generateKeys)
const signingKey = Either.getOrThrow(AuditChain.signingKey(pair.privateKey))
export const publicPem = pair.publicKey
export const publicKey = Either.getOrThrow(AuditChain.publicKey(pair.publicKey))

const everyRecords = 4

const sealer: AuditTrail.Sealer = {
  everyRecords,
  everyMillis: 60_000,
  seal: (head, date, trimmed) => AuditChain.seal(head, { date, every: everyRecords, keys: [signingKey], trimmed }),
  unsent: () => [],
  settled: () => Effect.void
}

export const recordOf = (nth: number, contents: Partial<AuditRecord.Contents> = {}) =>
  AuditRecord.make({
    level: nth % 5 === 0 ? "WARNING" : "INFO",
    date: new Date(Date.UTC(2024, 0, 31, 12) + nth * 1000).toISOString(),
    message: `Event ${nth} has happened`,
    event: { type: "test-event", details: { ip: "10.0.0.1", user: `user-${nth % 3}`, nth } },
    source: "test",
    ...contents
  })

export interface Trail {
  readonly name: string
  readonly lines: ReadonlyArray<string>
}

/** What a sink writes as this instance: so many records in each of its runs. */
export const trail = (name: string, runs: ReadonlyArray<number>, isSealed = false): Trail => {
  const format = AuditTrail.chained({ instance: name, ...(isSealed ? { sealer } : {}) })
  const lines: Array<string> = []
  let now = Date.UTC(2024, 0, 31, 12)
  let state = format.resume({ first: undefined, last: undefined }).state
  const take = ([text, after]: readonly [string, AuditTrail.Chained]) => {
    lines.push(...text.split("\n").filter((line) => line !== ""))
    state = after
  }
  let nth = 0
  for (const records of runs) {
    take(format.note(state, { _tag: "Opened", torn: undefined }, now))
    for (let written = 0; written < records; written++) {
      now += 1000
      if (format.isNoteDue(state)) take(format.note(state, { _tag: "Due" }, now))
      take(format.line(state, recordOf(++nth).line, now))
    }
    take(format.note(state, { _tag: "Closing" }, now))
  }
  return { name, lines }
}

export const headOf = ({ lines, name }: Trail): AuditFleet.Head => ({
  name,
  head: lines.length === 0 ? AuditChain.genesis : Option.getOrThrow(AuditChain.headOf(lines.at(-1)!))
})

/** The line as someone leaves it who can compute hashes: anyone. */
export const rehash = (line: string): string => {
  const hashed = line.slice(0, line.lastIndexOf(',"hash":"'))
  return `${hashed},"hash":"${Crypto.createHash("sha256").update(hashed).digest("hex")}"}}`
}

/** Another record, with a hash that fits, in the place of this one. */
export const forged = (line: string): string => rehash(line.replace('"level":"', '"forged":true,"level":"'))

/** From this index on, linked anew to what is before. */
export const relinked = (lines: ReadonlyArray<string>, from: number): ReadonlyArray<string> => {
  let prev = from === 0 ? AuditChain.genesis.hash : Option.getOrThrow(AuditChain.headOf(lines[from - 1]!)).hash
  return lines.map((line, index) => {
    if (index < from) return line
    const made = rehash(line.replace(/("prev":")[0-9a-f]{64}(?!.*"prev":")/, `$1${prev}`))
    prev = Option.getOrThrow(AuditChain.headOf(made)).hash
    return made
  })
}

/** One record as it is given to the verifier. */
export interface Given {
  readonly name: string
  readonly line: string
  readonly differing?: ReadonlyArray<string>
}

export const given = ({ lines, name }: Trail): ReadonlyArray<Given> => lines.map((line) => ({ name, line }))

export const verify = (
  records: ReadonlyArray<Given>,
  options: AuditFleet.Options = {},
  heads?: ReadonlyArray<AuditFleet.Head>
): AuditFleet.Report => {
  const verifier = AuditFleet.verifier(options)
  for (const { name, line, differing } of records) verifier.record(name, Buffer.from(line), differing)
  return verifier.end({ heads })
}

/** In turns, as these numbers say. */
export const interleaved = (
  trails: ReadonlyArray<ReadonlyArray<Given>>,
  turns: ReadonlyArray<number>
): ReadonlyArray<Given> => {
  const left = trails.map((trail) => [...trail])
  const merged: Array<Given> = []
  for (let turn = 0; left.some((trail) => trail.length > 0); turn++) {
    const filled = left.filter((trail) => trail.length > 0)
    merged.push(filled[(turns[turn % turns.length] ?? 0) % filled.length]!.shift()!)
  }
  return merged
}

export const names = ["web-1", "web-2", "job.nightly", "__proto__", "A_b-c.9"] as const

/** Two to five instances that have written something. */
export const fleet = (isSealed: boolean): fc.Arbitrary<ReadonlyArray<Trail>> =>
  fc
    .uniqueArray(
      fc.tuple(fc.constantFrom(...names), fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 })),
      { minLength: 2, maxLength: 5, selector: ([name]) => name }
    )
    .map((instances) => instances.map(([name, runs]) => trail(name, runs, isSealed)))
