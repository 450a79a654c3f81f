/**
 * `audit verify` of a store or a stream: whether the trails of a fleet are what was written.
 */
import { Effect } from "effect"
import type * as AuditFleet from "../AuditFleet.js"
import { grouped } from "../internal/barChart.js"
import { cut, pad, visible, widthOf } from "../internal/visible.js"
import * as Progress from "./Progress.js"
import * as Stores from "./Stores.js"
import { sealedText } from "./VerifyText.js"

export const verify = (address: string, options: Omit<AuditFleet.Options, "source">) =>
  Effect.gen(function* () {
    const store = yield* Stores.open(address)
    const draw = yield* Progress.make
    const total = yield* store.size
    const report = yield* store.verify({
      ...options,
      onProgress: (records) => draw({ done: records, total, records, unit: "records" })
    })
    return { shown: store.shown, report }
  }).pipe(Effect.scoped)

interface Result {
  readonly shown: string
  readonly report: AuditFleet.Report
}

export const toJson = ({ report, shown }: Result) => ({
  valid: report.problems.length === 0,
  store: shown,
  records: report.records,
  instances: report.instances.map(({ chain, doubled, instance }) => ({
    instance,
    records: chain.records,
    first: chain.first ?? null,
    last: chain.last === undefined ? null : { seq: chain.last.seq, hash: chain.last.hash },
    seals: chain.seals,
    sealed: chain.sealed ?? null,
    unsealed: chain.unsealed,
    doubled
  })),
  problems: report.problems.map(({ instance, message, reason, seq }) => ({
    reason,
    message,
    instance: instance ?? null,
    seq: seq ?? null
  }))
})

export const render = ({ report, shown }: Result, { hasKeys }: { readonly hasKeys: boolean }): string => {
  const { instances, problems, records } = report
  const doubled = instances.reduce((sum, { doubled }) => sum + doubled, 0)
  const seals = instances.reduce((sum, { chain }) => sum + chain.seals, 0)
  const facts: ReadonlyArray<readonly [string, string]> = [
    ["records", grouped(records)],
    ["instances", grouped(instances.length)],
    ...(doubled === 0 ? [] : [["delivered again", grouped(doubled)] as const]),
    ...(hasKeys || seals === 0 ? [] : [["seals", sealedText(undefined, seals, hasKeys)] as const])
  ]
  const name = visible(shown)
  const head =
    problems.length === 0 ? `${name} is valid\n` : `${name} is not valid\n\n${problems.map(toText).join("\n")}`
  const table = facts.map(([name, value]) => `  ${name.padEnd(17)}${value}\n`).join("")
  return `${head}\n${table}${instances.length === 0 ? "" : `\n${tableOf(report, hasKeys)}`}`
}

const toText = ({ instance, message, seq }: AuditFleet.Problem): string => {
  const place = [
    instance === undefined ? "in the fleet" : visible(instance),
    ...(seq === undefined ? [] : [`seq ${seq}`])
  ].join(", ")
  return `  ${place}:\n  ${visible(message)}\n`
}

const widestName = 64

/** One row for each instance. */
const tableOf = ({ instances, problems }: AuditFleet.Report, hasKeys: boolean): string => {
  const isBad = new Set(problems.map(({ instance }) => instance))
  const rows = [
    ["instance", "", "records", "sequence", "sealed"],
    ...instances.map(({ chain, instance }) => [
      cut(visible(instance), widestName),
      isBad.has(instance) ? "not valid" : "valid",
      grouped(chain.records),
      chain.first === undefined || chain.last === undefined
        ? "none"
        : `${grouped(chain.first)} to ${grouped(chain.last.seq)}`,
      hasKeys ? sealedText(chain.sealed, chain.seals, hasKeys) : chain.seals === 0 ? "no seals" : "not checked"
    ])
  ]
  const widths = rows.reduce<ReadonlyArray<number>>(
    (widest, row) => row.map((cell, index) => Math.max(widest[index] ?? 0, widthOf(cell))),
    []
  )
  return rows
    .map((row) => `  ${row.map((cell, index) => pad(cell, widths[index]!)).join("  ")}`.trimEnd() + "\n")
    .join("")
}
