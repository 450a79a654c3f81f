import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Ocsf from "../../src/AuditFormat/Ocsf.js"
import type { AuditRecord } from "../../src/AuditRecord.js"
import { comparable, link, make, records } from "./records.js"

// The published schema

interface Shape {
  readonly attributes: Readonly<Record<string, string>>
  readonly enums?: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly at_least_one?: ReadonlyArray<string>
  readonly profiles?: ReadonlyArray<string>
}

const schema = JSON.parse(readFileSync(join(import.meta.dirname, "ocsf/schema.json"), "utf8")) as {
  readonly version: string
  readonly types: Readonly<Record<string, { readonly is: string; readonly regex?: string; readonly max_len?: number }>>
  readonly base: Shape
  readonly classes: Readonly<Record<string, Shape>>
  readonly objects: Readonly<Record<string, Shape>>
}

type Members = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const fits = (type: string, value: unknown): boolean => {
  const { is, max_len = Infinity, regex = "" } = schema.types[type] ?? { is: "unknown" }
  if (is === "object") return isObject(value)
  if (is === "integer") return Number.isSafeInteger(value)
  // The published pattern is for one that knows no flags.
  return is === "string" && typeof value === "string" && value.length <= max_len && new RegExp(regex).test(value)
}

const objectionsTo = (type: string, value: unknown, path: string): ReadonlyArray<string> => {
  if (type.endsWith("[]")) {
    if (!Array.isArray(value)) return [`${path} is no list`]
    return value.flatMap((item) => objectionsTo(type.slice(0, -2), item, path))
  }
  const object = Object.hasOwn(schema.objects, type) ? schema.objects[type] : undefined
  if (object !== undefined) return isObject(value) ? objectionsOf(object, value, `${path}.`) : [`${path} is no object`]
  return fits(type, value) ? [] : [`${path} is no ${type}: ${JSON.stringify(value)}`]
}

const objectionsOf = (shape: Shape, members: Members, path = ""): ReadonlyArray<string> => {
  const { at_least_one = [], attributes, enums = {} } = shape
  return [
    ...Object.entries(attributes).flatMap(([name, described]) =>
      described.endsWith(" required") && !Object.hasOwn(members, name) ? [`${path}${name} is missing`] : []
    ),
    ...(at_least_one.length > 0 && !at_least_one.some((name) => Object.hasOwn(members, name))
      ? [`${path || "the event"} has none of ${at_least_one.join(", ")}`]
      : []),
    ...Object.entries(members).flatMap(([name, value]) => {
      const described = Object.hasOwn(attributes, name) ? attributes[name] : undefined
      if (described === undefined) return [`${path}${name} is no attribute`]
      return objectionsTo(described.split(" ")[0]!, value, path + name)
    }),
    ...Object.entries(enums).flatMap(([name, captions]) => {
      if (!Object.hasOwn(members, name)) return []
      const caption = captions[String(members[name])]
      if (caption === undefined) return [`${path}${name} has no value ${String(members[name])}`]
      const sibling = name.replace(/_u?id$/, name === "activity_id" || name.endsWith("_uid") ? "_name" : "")
      const said = members[sibling]
      // What is none of them has a name of its own, which must be there.
      if (caption === "Other") return typeof said === "string" ? [] : [`${path}${sibling} is missing`]
      return said === undefined || said === caption ? [] : [`${path}${sibling} is not '${caption}'`]
    })
  ]
}

/** What the schema says against an event, with one line for each objection. */
const objections = (event: Members): ReadonlyArray<string> => {
  const { activity_id, class_uid, metadata, type_uid } = event
  const found = schema.classes[String(class_uid)]
  if (found === undefined) return [`there is no class ${String(class_uid)}`]
  const profiles = [...schema.base.profiles!, ...(found.profiles ?? [])]
  const given = isObject(metadata) && Array.isArray(metadata["profiles"]) ? metadata["profiles"] : []
  return [
    ...objectionsOf(
      {
        ...found,
        attributes: { ...schema.base.attributes, ...found.attributes },
        enums: { ...schema.base.enums, ...found.enums }
      },
      event
    ),
    ...(type_uid === Number(class_uid) * 100 + Number(activity_id)
      ? []
      : ["type_uid is not class_uid * 100 + activity_id"]),
    ...(isObject(metadata) && metadata["version"] === schema.version ? [] : ["metadata.version is another one"]),
    ...given.filter((name) => !profiles.includes(name)).map((name) => `the class has no profile ${name}`),
    ...(Object.hasOwn(event, "trace") && !given.includes("trace")
      ? ["trace is an attribute of a profile that is not named"]
      : [])
  ]
}

const plain = Ocsf.make()

const eventOf = (record: AuditRecord, format = plain) => JSON.parse(format.line(record))

const events = {
  "auth-login-failed": { class: "authentication", activity: "Logon", outcome: "failure" },
  "registrar-act-failed": { class: "authentication" },
  "registrar-act-died": { class: "api-activity" },
  "test-event": { class: "api-activity", activity: "Delete" },
  "registrar-trail-started": { class: "base-event", outcome: "success" }
} as const satisfies Ocsf.Options["events"]

const formats = [
  plain,
  Ocsf.make({
    events,
    product: { name: "Configuration server", vendor: "Example", version: "1.2.3" },
    instance: "web-1",
    original: true
  })
]

describe("the published schema", () => {
  it("has every attribute of every record, and asks for no other", () => {
    fc.assert(
      fc.property(records, fc.constantFrom(...formats), (record, format) => {
        assert.deepStrictEqual(objections(eventOf(record, format)), [])
      }),
      { numRuns: 500 }
    )
  })

  it("fits every class and activity that an application can choose, whatever is known", () => {
    const classes: ReadonlyArray<Ocsf.Classification> = [
      { class: "base-event" },
      { class: "api-activity" },
      ...(["Create", "Read", "Update", "Delete"] as const).map(
        (activity) => ({ class: "api-activity", activity }) as const
      ),
      { class: "authentication" },
      ...(
        [
          "Logon",
          "Logoff",
          "Authentication Ticket",
          "Service Ticket Request",
          "Service Ticket Renew",
          "Preauth",
          "Account Switch"
        ] as const
      ).map((activity) => ({ class: "authentication", activity }) as const)
    ]
    const known = [{}, { ip: "10.0.0.1" }, { user: "ada" }, { path: "/a" }, { ip: "none", user: null }]
    for (const given of classes) {
      for (const details of known) {
        const event = eventOf(
          make({ details, traceId: "t", requestId: "r" }),
          Ocsf.make({ events: { "test-event": given } })
        )
        assert.deepStrictEqual(objections(event), [], JSON.stringify(event))
        assert.strictEqual(event.activity_name, "activity" in given ? given.activity : "test-event")
      }
    }
  })

  it("notices what does not fit it", () => {
    const { actor: _, ...event } = eventOf(make({ details: { ip: "10.0.0.1" } }))
    const wrong = {
      ...event,
      severity: "High",
      src_endpoint: { ip: "10.0.0.256" },
      mine: 1,
      type_uid: 1,
      time: "now",
      api: {}
    }
    assert.sameMembers(
      [...objections(wrong)],
      [
        "actor is missing",
        "severity is not 'Medium'",
        'src_endpoint.ip is no ip_t: "10.0.0.256"',
        "mine is no attribute",
        'time is no timestamp_t: "now"',
        "api.operation is missing",
        "type_uid is not class_uid * 100 + activity_id"
      ]
    )
  })
})

describe("an event", () => {
  const details = { ip: "10.0.0.1", path: "/login", user: "ada", reason: "unknown token", list: [1] }
  const record = link(
    make({
      message: "User 'ada' failed to log in",
      type: "auth-login-failed",
      details,
      requestId: "r-1",
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b9c7c989f97918e1"
    })
  )
  const hash = record.line.slice(-67, -3)

  it("is API Activity where it came from somewhere", () => {
    assert.deepStrictEqual(eventOf(record), {
      category_uid: 6,
      category_name: "Application Activity",
      class_uid: 6003,
      class_name: "API Activity",
      activity_id: 99,
      activity_name: "auth-login-failed",
      type_uid: 600399,
      severity_id: 3,
      severity: "Medium",
      time: 1706702400007,
      message: "User 'ada' failed to log in",
      metadata: {
        version: "1.9.0",
        product: { name: "server" },
        uid: hash,
        correlation_uid: "r-1",
        sequence: 12,
        event_code: "auth-login-failed",
        log_level: "WARNING",
        profiles: ["trace"]
      },
      api: { operation: "auth-login-failed", service: { name: "server" } },
      actor: { user: { name: "ada" } },
      src_endpoint: { ip: "10.0.0.1" },
      http_request: { url: { path: "/login" }, uid: "r-1" },
      trace: { uid: "0af7651916cd43dd8448eb211c80319c" },
      unmapped: { details: { reason: "unknown token", list: [1] }, span_id: "b9c7c989f97918e1", hash }
    })
  })

  it("is what the application says", () => {
    const { class_uid, metadata, service, src_endpoint, status, status_id, type_uid, unmapped, user } = eventOf(
      record,
      formats[1]
    )
    assert.deepStrictEqual(
      { class_uid, type_uid, status_id, status, user, service, src_endpoint },
      {
        class_uid: 3002,
        type_uid: 300201,
        status_id: 2,
        status: "Failure",
        user: { name: "ada" },
        service: { name: "server" },
        src_endpoint: { ip: "10.0.0.1" }
      }
    )
    assert.deepStrictEqual(metadata.product, { name: "Configuration server", vendor_name: "Example", version: "1.2.3" })
    assert.deepStrictEqual([metadata.uid, metadata.log_source], ["web-1/12", "web-1"])
    // What the class has no attribute for, and what the product took the place of.
    assert.deepStrictEqual(unmapped, {
      details: { reason: "unknown token", list: [1] },
      source: "server",
      trace_id: "0af7651916cd43dd8448eb211c80319c",
      span_id: "b9c7c989f97918e1",
      hash
    })
  })

  it("is a Base Event where it came from nowhere, and keeps in it what that has no place for", () => {
    for (const given of [
      { path: "nightly-cleanup", user: "ada" },
      { ip: "somewhere" },
      { ip: null },
      { ip: "1.2.3.4.5" }
    ]) {
      const event = eventOf(make({ details: given }))
      assert.strictEqual(event.class_uid, 0)
      assert.deepStrictEqual(event.unmapped, { details: given })
    }
  })

  it("tells how an act has ended", () => {
    const outcome = (type: string, given: object = {}, format = plain) => {
      const { status, status_detail, status_id } = eventOf(make({ type, ...given }), format)
      return [status_id, status, status_detail]
    }
    assert.deepStrictEqual(outcome("keys-deletion", { intent: "i" }), [0, "Unknown", undefined])
    assert.deepStrictEqual(outcome("registrar-act-succeeded", { intent: "i" }), [1, "Success", undefined])
    assert.deepStrictEqual(outcome("registrar-act-failed", { details: { error: "InUse" } }), [2, "Failure", "InUse"])
    assert.deepStrictEqual(outcome("registrar-act-died", { details: { error: 1 } }), [2, "Failure", undefined])
    assert.deepStrictEqual(outcome("registrar-act-interrupted"), [0, "Unknown", undefined])
    assert.deepStrictEqual(outcome("other", { details: { error: "x" } }), [undefined, undefined, undefined])
    for (const type of ["__proto__", "constructor"]) {
      assert.deepStrictEqual(outcome(type, {}, formats[1]), [undefined, undefined, undefined])
    }
  })

  it("loses nothing", () => {
    fc.assert(
      fc.property(records, fc.constantFrom(...formats), (record, format) => {
        const {
          actor,
          activity_name,
          http_request,
          metadata,
          src_endpoint,
          time,
          trace,
          unmapped = {},
          user,
          ...event
        } = eventOf(record, format)
        const { event: given } = record
        const members = Object.entries(unmapped.details ?? {})
        // In their attributes, where the class has them.
        const name = (user?.type === undefined ? user : undefined)?.name ?? actor?.user?.name
        const address = src_endpoint?.ip ?? src_endpoint?.name
        if (address !== undefined) members.push(["ip", address])
        if (http_request?.url !== undefined) members.push(["path", http_request.url.path])
        if (name !== undefined) members.push(["user", name])
        assert.strictEqual(comparable(members), comparable(Object.entries(given.details)))
        assert.deepStrictEqual(
          {
            date: metadata.original_time ?? new Date(time).toISOString(),
            level: metadata.log_level,
            message: event["message"],
            type: metadata.event_code,
            source: unmapped.source ?? metadata.product.name,
            requestId: metadata.correlation_uid,
            intent: unmapped.intent,
            traceId: trace?.uid ?? unmapped.trace_id,
            spanId: unmapped.span_id
          },
          {
            date: record.date,
            level: record.level,
            message: record.message,
            type: given.type,
            source: record.source,
            requestId: given.requestId,
            intent: given.intent,
            traceId: given.traceId,
            spanId: given.spanId
          }
        )
        assert.isString(activity_name)
      }),
      { numRuns: 500 }
    )
  })
})
