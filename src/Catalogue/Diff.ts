/**
 * What changed from one catalogue to another, and what of it breaks those who rely on it: clients on the errors, readers of
 * the trail on the audit events.
 */
import { type Json } from "../internal/json.js"
import { stringify } from "../internal/jsonText.js"
import * as JsonSchema from "../internal/jsonSchema.js"
import type * as Data from "./Data.js"

export type Kind =
  | "added"
  | "removed"
  | "status changed"
  | "status added"
  | "status removed"
  | "field added"
  | "field removed"
  | "field retyped"
  | "field made optional"
  | "field made required"
  | "header added"
  | "header removed"
  | "level changed"
  | "message changed"
  | "description changed"
  | "deprecated"
  | "deprecation changed"
  | "moved"
  | "default changed"

export interface Change {
  readonly subject: "error" | "audit event"
  /** The id of the error or the type of the event. */
  readonly name: string
  /** The status of the error, where only its answer with this one changed. */
  readonly status?: number
  readonly kind: Kind
  /** Whether somebody who relied on the old catalogue may now be wrong. */
  readonly breaks: boolean
  /** What exactly: `409 -> 410`, or the name of a field and its types. */
  readonly detail?: string
}

/** Those that break first, then in the order of the catalogues. */
export const diff = (before: Data.Catalogue, after: Data.Catalogue): ReadonlyArray<Change> => {
  const budget = JsonSchema.makeBudget()
  const changes = [
    ...ofErrors(before.errors, after.errors, budget),
    ...ofEvents(before.auditEvents, after.auditEvents, budget)
  ]
  return [...changes.filter(({ breaks }) => breaks), ...changes.filter(({ breaks }) => !breaks)]
}

const ofErrors = (
  before: ReadonlyArray<Data.ErrorEntry>,
  after: ReadonlyArray<Data.ErrorEntry>,
  budget: JsonSchema.Budget
): ReadonlyArray<Change> => {
  const old = grouped(before, ({ id }) => id)
  const now = grouped(after, ({ id }) => id)
  return namesOf(old, now).flatMap((name) => ofError(name, old.get(name) ?? [], now.get(name) ?? [], budget))
}

const ofError = (
  name: string,
  old: ReadonlyArray<Data.ErrorEntry>,
  now: ReadonlyArray<Data.ErrorEntry>,
  budget: JsonSchema.Budget
): ReadonlyArray<Change> => {
  const change = makeChange("error", name)
  if (now.length === 0) return [change("removed", { breaks: true, detail: statusesOf(old) })]
  if (old.length === 0) return [change("added", { detail: statusesOf(now) })]
  const oldByStatus = new Map(old.map((entry) => [entry.status, entry]))
  const nowByStatus = new Map(now.map((entry) => [entry.status, entry]))
  const gone = old.filter(({ status }) => !nowByStatus.has(status))
  const fresh = now.filter(({ status }) => !oldByStatus.has(status))
  const kept = old.flatMap((entry) => {
    const to = nowByStatus.get(entry.status)
    return to === undefined ? [] : [[entry, to] as const]
  })
  const [from] = gone
  const [to] = fresh
  // One of each: the same answer with another status.
  const hasMoved = from !== undefined && to !== undefined && gone.length === 1 && fresh.length === 1
  const isOne = old.length === 1 && now.length === 1
  return [
    ...(hasMoved
      ? [
          change("status changed", { breaks: true, detail: `${from.status} -> ${to.status}` }),
          ...ofAnswer(change, from, to, budget)
        ]
      : [
          ...gone.map(({ status }) => change("status removed", { breaks: true, detail: String(status) })),
          ...fresh.map(({ status }) => change("status added", { detail: String(status) }))
        ]),
    ...kept.flatMap(([before, after]) =>
      ofAnswer(isOne ? change : makeChange("error", name, before.status), before, after, budget)
    )
  ]
}

const ofAnswer = (
  change: MakeChange,
  before: Data.ErrorEntry,
  after: Data.ErrorEntry,
  budget: JsonSchema.Budget
): ReadonlyArray<Change> => {
  const headers = Object.keys(before.headers)
  return [
    ...ofFields(change, before.fields, after.fields, budget),
    // What was not made cannot be compared.
    ...(before.example === undefined || after.example === undefined
      ? []
      : [
          ...headers
            .filter((header) => !Object.hasOwn(after.headers, header))
            .map((detail) => change("header removed", { breaks: true, detail })),
          ...Object.keys(after.headers)
            .filter((header) => !Object.hasOwn(before.headers, header))
            .map((detail) => change("header added", { detail }))
        ]),
    ...(before.isDefault === after.isDefault
      ? []
      : [
          change("default changed", {
            detail: after.isDefault ? "answers for its status now" : "does not answer for its status any more"
          })
        ]),
    ...ofWords(change, before, after)
  ]
}

const ofEvents = (
  before: ReadonlyArray<Data.EventEntry>,
  after: ReadonlyArray<Data.EventEntry>,
  budget: JsonSchema.Budget
): ReadonlyArray<Change> => {
  const old = grouped(before, ({ type }) => type)
  const now = grouped(after, ({ type }) => type)
  return namesOf(old, now).flatMap((name) => {
    const change = makeChange("audit event", name)
    const [from] = old.get(name) ?? []
    const [to] = now.get(name) ?? []
    if (to === undefined) return [change("removed", { breaks: true })]
    if (from === undefined) return [change("added")]
    return [
      ...ofFields(change, from.fields, to.fields, budget),
      ...(from.level === to.level ? [] : [change("level changed", { detail: `${from.level} -> ${to.level}` })]),
      ...ofWords(change, from, to)
    ]
  })
}

const ofFields = (
  change: MakeChange,
  before: JsonSchema.JsonObject,
  after: JsonSchema.JsonObject,
  budget: JsonSchema.Budget
): ReadonlyArray<Change> => {
  // Most do not change, and need not be looked into.
  if (stringify(before) === stringify(after)) return []
  const old = JsonSchema.propertiesOf(before)
  const now = JsonSchema.propertiesOf(after)
  const oldNames = new Set(old.map(({ name }) => name))
  const nowByName = new Map(now.map((property) => [property.name, property]))
  const isSame = comparing(before, after, budget)
  return [
    ...old.flatMap((from) => {
      const to = nowByName.get(from.name)
      if (to === undefined) return [change("field removed", { breaks: true, detail: from.name })]
      return [
        ...(isSame(from.schema, to.schema)
          ? []
          : [change("field retyped", { breaks: true, detail: retyped(before, from, after, to) })]),
        ...(from.isRequired && !to.isRequired
          ? [change("field made optional", { breaks: true, detail: from.name })]
          : []),
        ...(!from.isRequired && to.isRequired ? [change("field made required", { detail: from.name })] : [])
      ]
    }),
    ...now.filter(({ name }) => !oldNames.has(name)).map(({ name }) => change("field added", { detail: name }))
  ]
}

/** Schemas that are too large to be understood are the same only where they are written in the same way. */
const comparing = (before: JsonSchema.JsonObject, after: JsonSchema.JsonObject, budget: JsonSchema.Budget) => {
  let isWrittenSame: boolean | undefined
  return (from: Json, to: Json): boolean => {
    const old = JsonSchema.canonical(before, from, budget)
    const now = JsonSchema.canonical(after, to, budget)
    if (old !== undefined && now !== undefined) return old === now
    isWrittenSame ??= stringify(before["$defs"] ?? null) === stringify(after["$defs"] ?? null)
    return isWrittenSame && stringify(from) === stringify(to)
  }
}

const retyped = (
  before: JsonSchema.JsonObject,
  from: JsonSchema.Property,
  after: JsonSchema.JsonObject,
  to: JsonSchema.Property
): string => {
  const old = JsonSchema.describe(before, from.schema)
  const now = JsonSchema.describe(after, to.schema)
  // Words leave limits and patterns out.
  return `${from.name}: ${old === now ? `other values of ${now}` : `${old} -> ${now}`}`
}

type Words = Pick<Data.ErrorEntry, "message" | "description" | "deprecated" | "extension">

const ofWords = (change: MakeChange, before: Words, after: Words): ReadonlyArray<Change> => [
  ...(before.message === after.message ? [] : [change("message changed", { detail: after.message })]),
  ...(before.description === after.description ? [] : [change("description changed")]),
  ...(before.deprecated === after.deprecated
    ? []
    : before.deprecated === undefined
      ? [change("deprecated", { detail: after.deprecated })]
      : [change("deprecation changed", { detail: after.deprecated ?? "not deprecated any more" })]),
  ...(before.extension === after.extension
    ? []
    : [change("moved", { detail: `${before.extension} -> ${after.extension}` })])
]

type MakeChange = ReturnType<typeof makeChange>

const makeChange =
  (subject: Change["subject"], name: string, status?: number) =>
  (kind: Kind, { breaks = false, detail }: { breaks?: boolean; detail?: string | undefined } = {}): Change => ({
    subject,
    name,
    ...(status === undefined ? {} : { status }),
    kind,
    breaks,
    ...(detail === undefined ? {} : { detail })
  })

const statusesOf = (entries: ReadonlyArray<Data.ErrorEntry>): string => entries.map(({ status }) => status).join(", ")

const namesOf = (old: ReadonlyMap<string, unknown>, now: ReadonlyMap<string, unknown>): ReadonlyArray<string> => [
  ...new Set([...old.keys(), ...now.keys()])
]

const grouped = <E>(entries: ReadonlyArray<E>, nameOf: (entry: E) => string): ReadonlyMap<string, ReadonlyArray<E>> => {
  const groups = new Map<string, Array<E>>()
  for (const entry of entries) {
    const group = groups.get(nameOf(entry))
    if (group === undefined) groups.set(nameOf(entry), [entry])
    else group.push(entry)
  }
  return groups
}
