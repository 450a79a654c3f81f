import { assert, describe, it } from "@effect/vitest"
import { EcsFlat, EcsVersion } from "@elastic/ecs"
import type {
  EcsBase,
  EcsEcs,
  EcsEvent,
  EcsHttp,
  EcsLog,
  EcsRelated,
  EcsService,
  EcsSource,
  EcsUrl,
  EcsUser
} from "@elastic/ecs"
import fc from "fast-check"
import { isIP } from "node:net"
import * as Ecs from "../../src/AuditFormat/Ecs.js"
import type { AuditRecord } from "../../src/AuditRecord.js"
import { stringify } from "../../src/internal/jsonText.js"
import { link, make, records } from "./records.js"

// The published schema

interface Field {
  readonly type: string
  readonly normalize: ReadonlyArray<string>
  readonly allowed_values?: ReadonlyArray<{
    readonly name: string
    readonly expected_event_types?: ReadonlyArray<string>
  }>
}

// The package types each field by itself; here they are all alike.
const fields = EcsFlat as unknown as Readonly<Record<string, Field>>

const fits = (type: string, value: unknown): boolean => {
  switch (type) {
    case "keyword":
    case "match_only_text":
    case "wildcard":
      return typeof value === "string"
    case "long":
      return Number.isSafeInteger(value)
    case "ip":
      return typeof value === "string" && isIP(value) !== 0 && !value.includes("%")
    case "date":
      return typeof value === "string" && !Number.isNaN(Date.parse(value)) && new Date(value).toISOString() === value
    default:
      return false
  }
}

/** What the schema says against a document, with one line for each objection. */
const objections = (value: unknown, path = ""): ReadonlyArray<string> => {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    if (path === "labels") {
      return Object.entries(value).flatMap(([name, label]) =>
        typeof label === "string" && name !== "" && !/[.\s]/.test(name) ? [] : [`labels has '${name}'`]
      )
    }
    return Object.entries(value).flatMap(([name, member]) => objections(member, path === "" ? name : `${path}.${name}`))
  }
  if (["registrar.details", "registrar.intent", "registrar.date"].includes(path)) {
    return typeof value === "string" ? [] : [`${path} is no text`]
  }
  const field = Object.hasOwn(fields, path) ? fields[path] : undefined
  if (field === undefined) return [`${path} is no field`]
  const isList = field.normalize.includes("array")
  if (isList !== Array.isArray(value)) return [`${path} is ${isList ? "no" : "a"} list`]
  return (Array.isArray(value) ? value : [value]).flatMap((item) => [
    ...(fits(field.type, item) ? [] : [`${path} is no ${field.type}: ${JSON.stringify(item)}`]),
    ...(field.allowed_values?.every(({ name }) => name !== item) === true ? [`${path} has no value '${item}'`] : [])
  ])
}

const plain = Ecs.make()

const documentOf = (record: AuditRecord, format = plain) => JSON.parse(format.line(record))

describe("the published schema", () => {
  it("is of the version that documents name", () => {
    assert.strictEqual(Ecs.version, EcsVersion)
    assert.strictEqual(documentOf(make()).ecs.version, EcsVersion)
  })

  it("has every field of every record, with its type and its values", () => {
    const formats = [
      plain,
      Ecs.make({
        events: { "auth-login-failed": { category: ["authentication"], type: ["start"], outcome: "failure" } },
        instance: "web-1",
        hostname: "web-1.example.com",
        serviceVersion: "1.2.3",
        environment: "production",
        dataset: "server.audit",
        original: true
      })
    ]
    fc.assert(
      fc.property(records, fc.constantFrom(...formats), (record, format) => {
        assert.deepStrictEqual(objections(documentOf(record, format)), [])
      }),
      { numRuns: 500 }
    )
  })

  it("notices what does not fit it", () => {
    assert.deepStrictEqual(
      objections({
        "@timestamp": "2023-02-30T00:00:00.000Z",
        event: { category: "web", outcome: "good" },
        source: { ip: "x" },
        mine: 1
      }),
      [
        '@timestamp is no date: "2023-02-30T00:00:00.000Z"',
        "event.category is no list",
        "event.outcome has no value 'good'",
        'source.ip is no ip: "x"',
        "mine is no field"
      ]
    )
  })

  it("agrees in types", () => {
    const document = {
      "@timestamp": "2024-01-31T12:00:00.007Z",
      message: "hello",
      labels: { count: "3" },
      ecs: { version: Ecs.version },
      log: { level: "warning" },
      event: {
        id: "1",
        kind: "event",
        category: ["web"],
        type: ["access"],
        action: "a",
        severity: 4,
        sequence: 1,
        hash: "h"
      },
      service: { name: "server", node: { name: "web-1" } },
      source: { address: "10.0.0.1", ip: "10.0.0.1" },
      url: { path: "/" },
      user: { name: "ada" },
      http: { request: { id: "r" } },
      related: { ip: ["10.0.0.1"], user: ["ada"] }
    } satisfies EcsBase & {
      ecs: EcsEcs
      log: EcsLog
      event: EcsEvent
      service: EcsService
      source: EcsSource
      url: EcsUrl
      user: EcsUser
      http: EcsHttp
      related: EcsRelated
    }
    assert.deepStrictEqual(objections(document), [])
    // Every word that the options know is one of the standard.
    type Values<Name extends "event.category" | "event.type"> = (typeof EcsFlat)[Name]["allowed_values"][number]["name"]
    const isCategory: Ecs.Category extends Values<"event.category"> ? true : false = true
    const isType: Ecs.Type extends Values<"event.type"> ? true : false = true
    assert.isTrue(isCategory && isType)
  })
})

describe("a document", () => {
  it("has all that the record holds in its fields", () => {
    const record = link(
      make({
        message: "User 'ada' failed to log in",
        type: "auth-login-failed",
        details: { ip: "2001:db8::1", path: "/login", user: "ada", reason: "unknown token", count: 3, list: [1] },
        intent: "i-1",
        requestId: "r-1",
        traceId: "0af7651916cd43dd8448eb211c80319c",
        spanId: "b9c7c989f97918e1"
      })
    )
    const format = Ecs.make({
      events: { "auth-login-failed": { category: ["authentication"], type: ["start"], outcome: "failure" } },
      instance: "web-1"
    })
    assert.deepStrictEqual(documentOf(record, format), {
      "@timestamp": "2024-01-31T12:00:00.007Z",
      message: "User 'ada' failed to log in",
      ecs: { version: "9.4.0" },
      log: { level: "warning" },
      event: {
        id: "web-1/12",
        kind: "event",
        category: ["authentication"],
        type: ["start"],
        action: "auth-login-failed",
        // It is an intent: how it ends, its outcome tells.
        outcome: "unknown",
        severity: 4,
        provider: "server",
        sequence: 12,
        hash: record.line.slice(-67, -3)
      },
      service: { name: "server", node: { name: "web-1" } },
      source: { address: "2001:db8::1", ip: "2001:db8::1" },
      url: { path: "/login" },
      user: { name: "ada" },
      http: { request: { id: "r-1" } },
      trace: { id: "0af7651916cd43dd8448eb211c80319c" },
      span: { id: "b9c7c989f97918e1" },
      related: { ip: ["2001:db8::1"], user: ["ada"] },
      labels: { reason: "unknown token", count: "3" },
      registrar: { details: JSON.stringify(record.event.details), intent: "i-1" }
    })
  })

  it("says what the application knows of its events, and the record where it knows better", () => {
    const events = {
      "auth-login-failed": { kind: "alert", outcome: "failure" },
      "registrar-act-succeeded": { outcome: "failure" }
    } as const
    const outcome = (type: string, format = Ecs.make({ events })) => {
      const { event } = documentOf(make({ type }), format)
      return [event.kind, event.outcome]
    }
    assert.deepStrictEqual(outcome("auth-login-failed"), ["alert", "failure"])
    assert.deepStrictEqual(outcome("other"), ["event", undefined])
    assert.deepStrictEqual(outcome("registrar-act-succeeded"), ["event", "success"])
    assert.deepStrictEqual(outcome("registrar-act-failed"), ["event", "failure"])
    assert.deepStrictEqual(outcome("registrar-act-died"), ["event", "failure"])
    assert.deepStrictEqual(outcome("registrar-act-interrupted"), ["event", "unknown"])
    assert.deepStrictEqual(outcome("registrar-act-not-attempted"), ["event", "failure"])
    for (const type of ["__proto__", "constructor", "toString"])
      assert.deepStrictEqual(outcome(type), ["event", undefined])
  })

  it("names what an act has failed with, and takes the detail of another event for no such thing", () => {
    const details = { event: "keys-deletion", error: "InUse" }
    assert.deepStrictEqual(documentOf(make({ type: "registrar-act-failed", details })).error, { type: "InUse" })
    assert.isUndefined(documentOf(make({ type: "other", details })).error)
  })

  it("keeps details that would clash in an index: as text, beside the whole of them", () => {
    const details = JSON.parse('{"a.b":1,"a_b":2,"a":{"b":3},"x y":true,"":"empty","__proto__":"p","nothing":null}')
    const document = documentOf(make({ details: { ...details, long: "x".repeat(1025) } }))
    assert.deepStrictEqual(document.labels, JSON.parse('{"a_b":"1","x_y":"true","_":"empty","__proto__":"p"}'))
  })

  it("keeps an address that is none out of the field for addresses", () => {
    const document = documentOf(make({ details: { ip: "fe80::1%eth0" } }))
    assert.deepStrictEqual(document.source, { address: "fe80::1%eth0" })
    assert.isUndefined(document.related)
  })

  it("loses nothing", () => {
    const format = Ecs.make({ original: true })
    fc.assert(
      fc.property(records, (record) => {
        const document = documentOf(record, format)
        const { event } = record
        assert.strictEqual(document.registrar.details, stringify(event.details))
        assert.strictEqual(document.event.original, record.line)
        assert.deepStrictEqual(
          [
            document.registrar.date ?? document["@timestamp"],
            document.log.level.toUpperCase(),
            document.message,
            document.event.action,
            document.event.provider,
            document.registrar.intent,
            document.http?.request.id,
            document.trace?.id,
            document.span?.id
          ],
          [
            record.date,
            record.level,
            record.message,
            event.type,
            record.source,
            event.intent,
            event.requestId,
            event.traceId,
            event.spanId
          ]
        )
      }),
      { numRuns: 500 }
    )
  })
})
