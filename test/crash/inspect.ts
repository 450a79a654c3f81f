/**
 * Whether a trail is what it has to be, read by means of its own: nothing here knows how the library reads or writes files.
 */
import { Either } from "effect"
import { existsSync, readdirSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { gunzipSync } from "node:zlib"
import * as AuditChain from "../../src/AuditChain.js"
import { eventType, mostAdded, type Details, type Trail } from "./protocol.js"

export interface Expected {
  readonly publicKey: string
  /** The last number that each fiber of each life was told to be durable: by `life.fiber`. */
  readonly acknowledged: ReadonlyMap<string, number>
  /** Lives that have seen their trail open, and lives that were begun. */
  readonly opened: number
  readonly begun: number
  /** Whether the last life has closed the trail. */
  readonly isClosed: boolean
}

export interface Findings {
  /** What is wrong: nothing, if all is well. */
  readonly problems: ReadonlyArray<string>
  readonly records: number
  readonly recovered: number
  /** Recoveries that set something aside. */
  readonly torn: number
  readonly seals: number
  readonly outsideSeals: number
  readonly trimmed: number
}

export const inspect = async (trail: Trail, expected: Expected): Promise<Findings> => {
  const problems: Array<string> = []
  const account = makeAccount(expected, (problem) => problems.push(problem))
  const outsideSeals = trail.outsideSeals === undefined ? [] : await outsideSealsIn(trail.outsideSeals)
  const keys = [Either.getOrThrow(AuditChain.publicKey(expected.publicKey))]
  const verify = async (name: string, files: ReadonlyArray<string>, each: (line: string) => void) => {
    const verifier = AuditChain.verifier({ keys, outsideSeals })
    let tornBytes = 0
    for (const file of files) {
      const { lines, rest } = await read(file)
      for (const line of lines) {
        verifier.line(line)
        each(line.toString())
      }
      tornBytes = rest
      if (rest > 0 && file !== trail.path) problems.push(`${basename(file)} ends in the middle of a line`)
    }
    const report = verifier.end({ tornBytes })
    if (report.problem !== undefined) problems.push(`${name}: ${report.problem.message}`)
    if (report.unchained > 0) problems.push(`${name}: ${report.unchained} records are not chained`)
    return report
  }

  const present = segmentsIn(dirname(trail.path), trail.path)
  const removed = segmentsIn(trail.removed, trail.path)
  const active = existsSync(trail.path) ? [trail.path] : []
  const whole = [...new Map([...removed, ...present])].sort(([a], [b]) => a - b).map(([, file]) => file)
  const report = await verify("with what was removed", [...whole, ...active], account.take)
  if (report.records > 0 && report.first !== 1) problems.push(`the first record of all has the seq ${report.first}`)
  const { trimmed, torn, tornBytes, recovered } = account.end()

  if (trail.keepFiles !== undefined) {
    await verify("as it is", [...[...present].map(([, file]) => file), ...active], () => {})
  } else if (trimmed > 0 || present.size < whole.length) {
    problems.push("segments were removed that had to stay")
  }
  const kept = existsSync(`${trail.path}.torn`) ? (await readFile(`${trail.path}.torn`)).length : 0
  if (kept < tornBytes + torn) problems.push(`${kept} bytes are kept of ${tornBytes} torn ones`)
  return {
    problems,
    records: report.records,
    recovered,
    torn,
    seals: report.seals,
    outsideSeals: outsideSeals.length,
    trimmed
  }
}

/** What lies beside the file, if it is more or something else than there may be. `unopened` lives have ended one after the other before they had it open. */
export const leftovers = (path: string, unopened: number, isClosed: boolean): ReadonlyArray<string> => {
  const suffixes = namesIn(dirname(path))
    .filter((name) => name.startsWith(basename(path)))
    .map((name) => name.slice(basename(path).length))
  const count = (form: RegExp) => suffixes.filter((suffix) => form.test(suffix)).length
  const known = /^(?:|\.torn|\.\d{6}(?:\.gz(?:\.partial)?)?|\.lock-\d+-[0-9a-f]{6})$/
  const claims = count(/^\.lock-/)
  const unfinished = count(/\.partial$/)
  return [
    ...suffixes.filter((suffix) => !known.test(suffix)).map((suffix) => `nobody knows what ${path}${suffix} is`),
    ...(claims > (isClosed ? 0 : 1 + unopened) ? [`${claims} claims lie beside ${path}`] : []),
    ...(unfinished > (isClosed ? 0 : 1) ? [`${unfinished} unfinished compressions lie beside ${path}`] : [])
  ]
}

/** Reads the records in their order, and says what is wrong with what they tell. */
const makeAccount = (expected: Expected, report: (problem: string) => void) => {
  const stored = new Map<string, number>()
  let lastLife = 0
  let started = 0
  let recovered = 0
  let torn = 0
  let tornBytes = 0
  let trimmed = 0
  let previous: string | undefined

  const takeWork = ({ life, fiber, n }: Details) => {
    const key = `${life}.${fiber}`
    const before = stored.get(key) ?? 0
    if (life < lastLife) report(`life ${life} has a record after those of life ${lastLife}`)
    if (n <= before) report(`event ${n} of fiber ${key} is there again, after event ${before}`)
    if (n > before + 1) report(`event ${before + 1} of fiber ${key} is missing before event ${n}`)
    lastLife = Math.max(life, lastLife)
    stored.set(key, Math.max(n, before))
  }

  const take = (line: string) => {
    let record: {
      readonly event: { readonly type: string; readonly details: Details & { readonly tornBytes: number } }
    }
    try {
      record = JSON.parse(line)
    } catch {
      return report(`a line is not JSON: ${line.slice(0, 100)}`)
    }
    const { type, details } = record.event
    if (type === eventType) takeWork(details)
    if (type === "registrar-events-dropped") report("events were dropped")
    if (type === "registrar-trail-trimmed") trimmed++
    if (type === "registrar-trail-recovered") {
      recovered++
      if (details.tornBytes > 0) torn++
      tornBytes += details.tornBytes
      // Its first line may have been torn as well.
      if (details.tornBytes === 0 && (previous === undefined || previous === "registrar-trail-stopped")) {
        report(`a trail was recovered after ${previous ?? "nothing"}`)
      }
    }
    if (type === "registrar-trail-started") {
      started++
      if (
        previous !== undefined &&
        previous !== "registrar-trail-stopped" &&
        previous !== "registrar-trail-recovered"
      ) {
        report(`the trail goes on without a word about its end after ${previous}`)
      }
    }
    previous = type
  }

  const end = () => {
    for (const [key, n] of expected.acknowledged) {
      const last = stored.get(key) ?? 0
      if (last < n) report(`events ${last + 1} to ${n} of fiber ${key} were acknowledged, and are lost`)
    }
    for (const [key, n] of stored) {
      const told = expected.acknowledged.get(key) ?? 0
      if (n > told + mostAdded + 1) report(`fiber ${key} went on to event ${n}, told of no more than ${told}`)
    }
    if (started < expected.opened || started > expected.begun) {
      report(`the trail was started ${started} times, by ${expected.opened} to ${expected.begun} lives`)
    }
    if (expected.isClosed && previous !== "registrar-trail-stopped")
      report(`the trail was closed, and ends with ${previous}`)
    return { recovered, torn, tornBytes, trimmed }
  }

  return { take, end }
}

/** By their numbers, oldest first. Where there are two of a number, the second was not finished. */
const segmentsIn = (folder: string, path: string): ReadonlyMap<number, string> => {
  const numbered = namesIn(folder).flatMap((name): ReadonlyArray<readonly [number, string]> => {
    const digits = name.startsWith(basename(path)) && /^\.(\d{6})(?:\.gz)?$/.exec(name.slice(basename(path).length))
    return digits ? [[Number(digits[1]), join(folder, name)]] : []
  })
  const isCompressed = (file: string) => (file.endsWith(".gz") ? 0 : 1)
  return new Map(numbered.sort(([a, one], [b, other]) => a - b || isCompressed(one) - isCompressed(other)))
}

const namesIn = (folder: string) => (existsSync(folder) ? readdirSync(folder) : [])

/** A file like any other: it has old ones beside it. */
const outsideSealsIn = async (path: string) => {
  const files = [...segmentsIn(dirname(path), path).values(), ...(existsSync(path) ? [path] : [])]
  const contents = await Promise.all(files.map(read))
  return contents.flatMap(({ lines }) => lines.map((line) => line.toString()).filter(AuditChain.isSeal))
}

const read = async (file: string): Promise<{ readonly lines: ReadonlyArray<Buffer>; readonly rest: number }> => {
  const stored = await readFile(file)
  const bytes = file.endsWith(".gz") ? gunzipSync(stored) : stored
  const lines: Array<Buffer> = []
  let from = 0
  for (let to = bytes.indexOf(10); to !== -1; to = bytes.indexOf(10, from)) {
    lines.push(bytes.subarray(from, to))
    from = to + 1
  }
  return { lines, rest: bytes.length - from }
}
