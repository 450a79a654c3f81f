/**
 * What changed from one catalogue to another, and what of it breaks those who rely on it: clients on the errors, readers of
 * the trail on the audit events.
 */
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
  const changes = [...ofErrors(before.errors, after.errors), ...ofEvents(before.auditEvents, after.auditEvents)]
  return [...changes.filter(({ breaks }) => breaks), ...changes.filter(({ breaks }) => !breaks)]
}

const ofErrors = (
  before: ReadonlyArray<Data.ErrorEntry>,
  after: ReadonlyArray<Data.ErrorEntry>
): ReadonlyArray<Change> => {
  const old = grouped(before, ({ id }) => id)
  const now = grouped(after, ({ id }) => id)
  return namesOf(old, now).flatMap((name) => ofError(name, old.get(name) ?? [], now.get(name) ?? []))
}

const ofError = (
  name: string,
  old: ReadonlyArray<Data.ErrorEntry>,
  now: ReadonlyArray<Data.ErrorEntry>
): ReadonlyArray<Change> => {
  const change = makeChange("error", name)
  if (now.length === 0) return [change("removed", { breaks: true, detail: statusesOf(old) })]
  if (old.length === 0) return [change("added", { detail: statusesOf(now) })]
  const gone = old.filter(({ status }) => !now.some((entry) => entry.status === status))
  const fresh = now.filter(({ status }) => !old.some((entry) => entry.status === status))
  const kept = old.flatMap((entry) =>
    now.filter(({ status }) => status === entry.status).map((to) => [entry, to] as const)
  )
  const [from] = gone
  const [to] = fresh
  // One of each: the same answer with another status.
  const hasMoved = from !== undefined && to !== undefined && gone.length === 1 && fresh.length === 1
  const isOne = old.length === 1 && now.length === 1
  return [
    ...(hasMoved
      ? [
          change("status changed", { breaks: true, detail: `${from.status} -> ${to.status}` }),
          ...ofAnswer(change, from, to)
        ]
      : [
          ...gone.map(({ status }) => change("status removed", { breaks: true, detail: String(status) })),
          ...fresh.map(({ status }) => change("status added", { detail: String(status) }))
        ]),
    ...kept.flatMap(([before, after]) =>
      ofAnswer(isOne ? change : makeChange("error", name, before.status), before, after)
    )
  ]
}

const ofAnswer = (change: MakeChange, before: Data.ErrorEntry, after: Data.ErrorEntry): ReadonlyArray<Change> => {
  const headers = Object.keys(before.headers)
  return [
    ...ofFields(change, before.fields, after.fields),
    // What was not made cannot be compared.
    ...(before.example === undefined || after.example === undefined
      ? []
      : [
          ...headers
            .filter((header) => !Object.hasOwn(after.headers, header))
            .map((detail) => change("header removed", { breaks: true, detail })),
          ...Object.keys(after.headers)
            .filter((header) => !headers.includes(header))
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
  after: ReadonlyArray<Data.EventEntry>
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
      ...ofFields(change, from.fields, to.fields),
      ...(from.level === to.level ? [] : [change("level changed", { detail: `${from.level} -> ${to.level}` })]),
      ...ofWords(change, from, to)
    ]
  })
}

const ofFields = (
  change: MakeChange,
  before: JsonSchema.JsonObject,
  after: JsonSchema.JsonObject
): ReadonlyArray<Change> => {
  const old = JsonSchema.propertiesOf(before)
  const now = JsonSchema.propertiesOf(after)
  return [
    ...old.flatMap((from) => {
      const to = now.find(({ name }) => name === from.name)
      if (to === undefined) return [change("field removed", { breaks: true, detail: from.name })]
      const isSame = JsonSchema.canonical(before, from.schema) === JsonSchema.canonical(after, to.schema)
      return [
        ...(isSame ? [] : [change("field retyped", { breaks: true, detail: retyped(before, from, after, to) })]),
        ...(from.isRequired && !to.isRequired
          ? [change("field made optional", { breaks: true, detail: from.name })]
          : []),
        ...(!from.isRequired && to.isRequired ? [change("field made required", { detail: from.name })] : [])
      ]
    }),
    ...now
      .filter(({ name }) => !old.some((from) => from.name === name))
      .map(({ name }) => change("field added", { detail: name }))
  ]
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
