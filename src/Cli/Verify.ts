/**
 * `audit verify`: whether a log is what was written, and if not, from where on; of a store, all of its trails.
 */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as FileSystem from "@effect/platform/FileSystem"
import { Effect, Stream } from "effect"
import * as AuditChain from "../AuditChain.js"
import { grouped } from "../internal/barChart.js"
import { maxLine } from "../internal/lineReader.js"
import type { TrailFile, TrailStep } from "../internal/trailFiles.js"
import { visible } from "../internal/visible.js"
import { CliError, NotValid } from "./CliError.js"
import * as Files from "./Files.js"
import * as Progress from "./Progress.js"
import * as Source from "./Source.js"
import { type OutputError, print, printJson } from "./Standard.js"
import { count, sealedText } from "./VerifyText.js"

export const command = Command.make(
  "verify",
  {
    files: Files.args,
    key: Options.text("key").pipe(
      Options.withDescription("A PEM file with a public key whose seals are valid; may be repeated"),
      Options.repeated
    ),
    seals: Options.text("seals").pipe(
      Options.withDescription("A file with the seals that were kept in another place; may be repeated"),
      Options.repeated
    ),
    expect: Options.text("expect").pipe(
      Options.withDescription("The name of an instance that must be there; of stores and streams; may be repeated"),
      Options.repeated
    ),
    json: Options.boolean("json").pipe(Options.withDescription("Print the result as JSON"))
  },
  ({ expect, files, json, key, seals }) =>
    Effect.gen(function* () {
      yield* Files.check(files)
      const address = yield* Source.addressIn(files)
      if (address === undefined && expect.length > 0) {
        return yield* new CliError({
          description: "--expect is for stores and streams: the log in files is that of one instance"
        })
      }
      const options = {
        keys: yield* Effect.forEach(key, readKey),
        outsideSeals: (yield* Effect.forEach(seals, readSeals)).flat()
      }
      const isValid =
        address === undefined
          ? yield* ofFiles(files, options, json)
          : yield* ofStore(address, { ...options, expected: expect }, json)
      if (!isValid) return yield* new NotValid()
    })
).pipe(
  Command.withDescription(
    "Says whether a log or a store is complete and unchanged, and names the first bad record of each trail"
  )
)

const ofFiles = (files: ReadonlyArray<string>, options: Given, isJson: boolean) =>
  Effect.gen(function* () {
    const result = yield* verify(files, options)
    yield* show(isJson ? printJson(toJson(result)) : print(render(result, { hasKeys: options.keys.length > 0 })))
    return result.problem === undefined
  })

const ofStore = (address: string, options: Given & { readonly expected: ReadonlyArray<string> }, isJson: boolean) =>
  Effect.gen(function* () {
    // Who verifies files does not need it.
    const fleet = yield* Effect.promise(() => import("./VerifyFleet.js"))
    const result = yield* fleet.verify(address, options)
    const hasKeys = options.keys.length > 0
    yield* show(isJson ? printJson(fleet.toJson(result)) : print(fleet.render(result, { hasKeys })))
    return result.report.problems.length === 0
  })

interface Given {
  readonly keys: ReadonlyArray<AuditChain.PublicKey>
  readonly outsideSeals: ReadonlyArray<string>
}

/** The exit code says it as well. */
const show = (printed: Effect.Effect<void, OutputError>) =>
  Effect.catchIf(
    printed,
    ({ reason }) => reason === "Closed",
    () => Effect.void
  )

// What it needs

const readKey = (file: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const wrong = (description: string, cause: unknown) =>
      new CliError({ description: `'${file}': ${description}`, cause })
    const pem = yield* Effect.mapError(fs.readFileString(file), (cause) =>
      wrong(`the key cannot be read (${cause.message})`, cause)
    )
    return yield* Effect.mapError(AuditChain.publicKey(pem), (cause) => wrong(cause.message, cause))
  })

/** The other place may be a log as well, with segments and with other lines. */
const readSeals = (file: string) =>
  Effect.gen(function* () {
    const trail = yield* Files.open([file])
    const found: Array<string> = []
    yield* Stream.runForEach(trail.steps, (step) =>
      Effect.sync(() => {
        if (step._tag !== "Lines") return
        for (const bytes of step.lines) {
          const line = decoder.decode(bytes)
          if (AuditChain.isSeal(line)) found.push(line)
        }
      })
    )
    if (found.length > 0) return found
    return yield* new CliError({ description: `'${file}' holds no seal, and so cannot show that the log is complete` })
  }).pipe(Effect.scoped)

const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

// Verification

interface Result {
  readonly files: ReadonlyArray<TrailFile>
  readonly report: Omit<AuditChain.Report, "problem">
  readonly problem: Problem | undefined
}

interface Problem {
  readonly reason: AuditChain.Reason | "TooLong" | "Torn"
  readonly message: string
  /** Where it is; nothing where the record is not there, and should be at the end. */
  readonly file: TrailFile | undefined
  readonly line: number | undefined
  readonly seq: number | undefined
}

const verify = (files: ReadonlyArray<string>, options: AuditChain.Options) =>
  Effect.gen(function* () {
    const trail = yield* Files.open(files)
    const draw = yield* Progress.make
    const verifier = AuditChain.verifier(options)
    // The number of the first record of each file.
    const starts: Array<{ readonly file: TrailFile; readonly record: number }> = []
    let records = 0
    let tornBytes = 0
    let problem: Problem | undefined

    // Only there the writer of a log may be at this moment, or may have been when it died.
    const isAtEnd = (file: TrailFile) => file.kind !== "segment" && file === trail.files.at(-1)
    const take = (step: TrailStep) => {
      if (starts.at(-1)?.file !== step.file) starts.push({ file: step.file, record: records + 1 })
      if (step._tag === "Lines") {
        for (const line of step.lines) {
          records++
          if (verifier.line(line) !== undefined) return false
        }
      } else if (step._tag === "Torn" && isAtEnd(step.file)) {
        tornBytes = step.length
      } else {
        problem = { ...formProblem(step), file: step.file, line: step.line, seq: undefined }
      }
      return problem === undefined
    }

    yield* Stream.runForEachWhile(trail.steps, (step) => {
      const goesOn = take(step)
      return Effect.as(draw({ done: trail.taken(), total: trail.size, unit: "bytes", records }), goesOn)
    })
    const { problem: found, ...report } = verifier.end({ tornBytes })
    if (problem === undefined && found !== undefined) {
      const { reason, message, seq } = found
      const place = starts.findLast(({ record }) => record <= found.record)
      const isThere = place !== undefined && found.record <= records
      problem = {
        reason,
        message,
        seq,
        file: isThere ? place.file : undefined,
        line: isThere ? found.record - place.record + 1 : undefined
      }
    }
    const result: Result = { files: trail.files, report, problem }
    return result
  }).pipe(Effect.scoped)

const formProblem = (step: Exclude<TrailStep, { readonly _tag: "Lines" }>) =>
  step._tag === "TooLong"
    ? ({
        reason: "TooLong",
        message: `The line has ${grouped(step.length)} bytes: no record has more than ${grouped(maxLine)}`
      } as const)
    : ({
        reason: "Torn",
        message: "The file ends in the middle of a line, which only the active file of a log may do"
      } as const)

// Output

const toJson = ({ files, report, problem }: Result) => ({
  valid: problem === undefined,
  files: files.map(({ name }) => name),
  records: report.records,
  unchained: report.unchained,
  first: report.first ?? null,
  last: report.last === undefined ? null : { seq: report.last.seq, hash: report.last.hash },
  seals: report.seals,
  sealed: report.sealed ?? null,
  unsealed: report.unsealed,
  tornBytes: report.tornBytes,
  problem:
    problem === undefined
      ? null
      : {
          reason: problem.reason,
          message: problem.message,
          file: problem.file?.name ?? null,
          line: problem.line ?? null,
          seq: problem.seq ?? null
        }
})

const render = ({ files, report, problem }: Result, { hasKeys }: { readonly hasKeys: boolean }): string => {
  const { records, first, last, unchained, sealed, seals, unsealed, tornBytes } = report
  const segments = files.filter(({ kind }) => kind === "segment").length
  const facts: ReadonlyArray<readonly [string, string]> = [
    ["records", grouped(records)],
    [
      "files",
      segments === files.length
        ? count(segments, "segment")
        : `${segments === 0 ? "" : `${count(segments, "segment")} and `}the active file`
    ],
    ["sequence", first === undefined || last === undefined ? "none" : `${grouped(first)} to ${grouped(last.seq)}`],
    ["sealed", sealedText(sealed, seals, hasKeys)],
    ["unsealed tail", count(unsealed, "record")],
    ["torn tail", tornBytes === 0 ? "none" : count(tornBytes, "byte")],
    ["unchained", count(unchained, "line")]
  ]
  const table = facts.map(([name, value]) => `  ${name.padEnd(14)}${value}\n`).join("")
  const name = visible(files.find(({ kind }) => kind !== "segment")?.name ?? files.at(-1)?.name ?? "")
  if (problem === undefined) return `${name} is valid\n\n${table}`
  const place = [
    problem.file === undefined ? "at the end" : visible(problem.file.name),
    ...(problem.line === undefined ? [] : [`line ${problem.line}`]),
    ...(problem.seq === undefined ? [] : [`seq ${problem.seq}`])
  ].join(", ")
  return `${name} is not valid\n\n  ${place}:\n  ${visible(problem.message)}\n\nUp to there\n\n${table}`
}
