/**
 * OTLP/JSON against the published messages: a reader of `.proto` files as far as these need one, and the JSON mapping of proto3
 * with the deviations that the OTLP specification lists.
 */
import { readFileSync } from "node:fs"

interface Field {
  readonly type: string
  readonly isRepeated: boolean
  readonly oneof: string | undefined
}

const messages = new Map<string, Map<string, Field>>()
const enums = new Map<string, Set<number>>()

const camel = (name: string) => name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

const read = (file: string) => {
  const text = readFileSync(`${import.meta.dirname}/${file}`, "utf8").replaceAll(/\/\/.*$/gm, "")
  for (const [, kind, name = "", body = ""] of text.matchAll(/^(message|enum) (\w+) \{\n([^]*?)^\}/gm)) {
    if (kind === "enum") {
      enums.set(name, new Set(Array.from(body.matchAll(/=\s*(\w+);/g), ([, number]) => Number(number))))
      continue
    }
    const fields = new Map<string, Field>()
    let oneof: string | undefined
    for (const line of body.split("\n")) {
      oneof = /oneof (\w+)/.exec(line)?.[1] ?? (line.includes("}") ? undefined : oneof)
      const [, repeated, type = "", field = ""] = /^\s*(repeated )?([\w.]+) (\w+) = \d+;/.exec(line) ?? []
      if (field === "") continue
      fields.set(camel(field), { type: type.split(".").at(-1)!, isRepeated: repeated !== undefined, oneof })
    }
    messages.set(name, fields)
  }
}
for (const file of ["common.proto", "resource.proto", "logs.proto", "logs_service.proto"]) read(file)

const integer = (value: unknown, min: bigint, max: bigint) =>
  typeof value === "string" && /^(0|-?[1-9]\d*)$/.test(value) && BigInt(value) >= min && BigInt(value) <= max

const isUint32 = (value: unknown) => Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 32

const scalars: Readonly<Record<string, (value: unknown) => boolean>> = {
  // Not more than the mapping allows, but what each reader of it takes.
  string: (value) => typeof value === "string" && !/\p{Surrogate}/u.test(value),
  bool: (value) => typeof value === "boolean",
  double: (value) => typeof value === "number" && Number.isFinite(value),
  int64: (value) => integer(value, -(2n ** 63n), 2n ** 63n - 1n),
  fixed64: (value) => integer(value, 0n, 2n ** 64n - 1n),
  uint32: isUint32,
  fixed32: isUint32,
  bytes: (value) => typeof value === "string" && /^[A-Za-z0-9+/]*={0,2}$/.test(value)
}

/** Not the base64 of the mapping. */
const ids: Readonly<Record<string, RegExp>> = { traceId: /^(?!0+$)[0-9a-f]{32}$/i, spanId: /^(?!0+$)[0-9a-f]{16}$/i }

/** What is wrong with a value that should be such a message. `depth` counts messages inside one another. */
export const problemsOf = (value: unknown, type: string, path = type, depth = 1): ReadonlyArray<string> => {
  const fields = messages.get(type)
  if (fields === undefined) return [`${path}: no message ${type}`]
  if (depth > 100) return [`${path}: deeper than readers of protobuf go`]
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [`${path}: not an object`]
  const problems: Array<string> = []
  const chosen = new Set<string>()
  for (const [name, member] of Object.entries(value)) {
    const field = fields.get(name)
    const at = `${path}.${name}`
    if (field === undefined) {
      problems.push(`${at}: ${type} has no such field`)
      continue
    }
    if (field.oneof !== undefined && chosen.size === chosen.add(field.oneof).size)
      problems.push(`${at}: a second value`)
    if (!field.isRepeated) {
      problems.push(...problemsOfValue(member, field.type, name, at, depth))
    } else if (Array.isArray(member)) {
      problems.push(...member.flatMap((item, n) => problemsOfValue(item, field.type, name, `${at}[${n}]`, depth)))
      if (field.type === "KeyValue") problems.push(...problemsOfKeys(member, at, name === "attributes"))
    } else problems.push(`${at}: not a list`)
  }
  return problems
}

const problemsOfValue = (value: unknown, type: string, name: string, path: string, depth: number) => {
  const problem = [`${path}: ${JSON.stringify(value)} is no ${type}`]
  if (enums.has(type)) return enums.get(type)!.has(value as number) ? [] : problem
  if (name in ids) return typeof value === "string" && ids[name]!.test(value) ? [] : problem
  const check = scalars[type]
  if (check !== undefined) return check(value) ? [] : problem
  return problemsOf(value, type, path, depth + 1)
}

const problemsOfKeys = (pairs: ReadonlyArray<{ readonly key?: unknown }>, path: string, areAttributes: boolean) => {
  const keys = pairs.map(({ key }) => key ?? "")
  const problems = new Set(keys).size === keys.length ? [] : [`${path}: a key comes twice`]
  return areAttributes && keys.includes("") ? [...problems, `${path}: an empty key`] : problems
}

export interface AnyValue {
  readonly stringValue?: string
  readonly boolValue?: boolean
  readonly intValue?: string
  readonly doubleValue?: number
  readonly arrayValue?: { readonly values: ReadonlyArray<AnyValue> }
  readonly kvlistValue?: { readonly values: ReadonlyArray<KeyValue> }
}

export interface KeyValue {
  readonly key: string
  readonly value: AnyValue
}

export interface LogRecord {
  readonly timeUnixNano?: string
  readonly observedTimeUnixNano: string
  readonly severityNumber: number
  readonly severityText: string
  readonly body: AnyValue
  readonly attributes: ReadonlyArray<KeyValue>
  readonly traceId?: string
  readonly spanId?: string
  readonly eventName: string
}

export interface ExportRequest {
  readonly resourceLogs: readonly [
    {
      readonly resource: { readonly attributes: ReadonlyArray<KeyValue> }
      readonly scopeLogs: readonly [
        { readonly scope: { readonly name: string }; readonly logRecords: ReadonlyArray<LogRecord> }
      ]
    }
  ]
}

/** The request, if it is one. */
export const decode = (text: string): ExportRequest => {
  const value: unknown = JSON.parse(text)
  const problems = problemsOf(value, "ExportLogsServiceRequest")
  if (problems.length > 0) throw new Error(problems.join("\n"))
  // Checked just now.
  return value as ExportRequest
}

/** As a JSON value again. */
export const plain = (value: AnyValue): unknown => {
  if (value.intValue !== undefined) return Number(value.intValue)
  if (value.arrayValue !== undefined) return value.arrayValue.values.map(plain)
  if (value.kvlistValue !== undefined) return attributesOf(value.kvlistValue.values)
  return value.stringValue ?? value.boolValue ?? value.doubleValue ?? null
}

export const attributesOf = (pairs: ReadonlyArray<KeyValue>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(pairs.map(({ key, value }) => [key, plain(value)]))
