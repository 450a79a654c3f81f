import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import parse from "nsyslog-parser"
import type { AuditRecord } from "../../src/AuditRecord.js"
import * as Cef from "../../src/AuditFormat/Cef.js"
import { comparable, link, make, records } from "./records.js"

// The format, as its guide describes it

const unescaped = (text: string) =>
  text.replace(/\\(.)/g, (_, char: string) => (char === "n" ? "\n" : char === "r" ? "\r" : char))

/** Throws where the line is none. */
const read = (line: string) => {
  assert.notMatch(line, /[\n\r\u0085\u2028\u2029]/)
  const found = /^CEF:0((?:\|(?:[^\\|]|\\[\\|])*){6})\|(.*)$/s.exec(line)
  assert.isNotNull(found, line)
  const [, head = "", extension = ""] = found!
  const [vendor, product, version, signature, name, severity] = Array.from(
    head.matchAll(/\|((?:[^\\|]|\\[\\|])*)/g),
    ([, field = ""]) => unescaped(field)
  )
  assert.match(severity ?? "", /^(?:\d|10)$/)
  const pairs = new Map<string, string>()
  // A key is what stands before an equals sign that is not escaped.
  const keys = [...extension.matchAll(/(?:^| )([A-Za-z][A-Za-z0-9]*)=/g)]
  assert.strictEqual(keys[0]?.index, 0)
  keys.forEach(({ 0: whole, 1: key = "", index }, nth) => {
    const value = extension.slice(index + whole.length, keys[nth + 1]?.index)
    assert.match(value, /^(?:[^\\=]|\\[\\=nr])+$/s)
    assert.strictEqual(value, value.trim())
    assert.isFalse(pairs.has(key), `${key} is there twice`)
    pairs.set(key, unescaped(value))
  })
  return { vendor, product, version, signature, name, severity, pairs }
}

const membersOf = (record: AuditRecord) => {
  const { date, message, event, source } = record
  return {
    date,
    message,
    source,
    ...event,
    details: comparable(Object.entries(event.details))
  }
}

/** The record that a line was made of. */
const restore = ({ pairs, signature }: ReturnType<typeof read>) => {
  const labelled = (label: string) =>
    [...pairs]
      .find(([key, value]) => key.endsWith("Label") && value === label && /^(?:cs|c6a)\d/.test(key))?.[0]
      .replace(/Label$/, "")
  const custom = (label: string) => pairs.get(labelled(label) ?? "")
  const rest = JSON.parse(custom("rest") ?? "{}")
  const details = new Map<string, unknown>()
  for (const [key, value] of pairs) {
    if (key.startsWith("detail")) details.set(`${key[6]!.toLowerCase()}${key.slice(7)}`, value)
  }
  const ip = pairs.get("src") ?? custom("Source IPv6 Address")
  if (ip !== undefined) details.set("ip", ip)
  for (const [name, key] of [
    ["path", "request"],
    ["user", "suser"]
  ] as const) {
    const value = pairs.get(key)
    if (value !== undefined) details.set(name, value)
  }
  for (const [name, value] of Object.entries(rest.details ?? {})) details.set(name, value)
  const rt = pairs.get("rt")
  const members = {
    date: rt === undefined ? undefined : new Date(Number(rt)).toISOString(),
    message: pairs.get("msg"),
    type: signature,
    source: pairs.get("deviceProcessName"),
    intent: custom("intent"),
    requestId: custom("requestId"),
    traceId: custom("traceId"),
    spanId: custom("spanId"),
    ...rest,
    details: comparable(details)
  }
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}

const plain = Cef.make()

describe("the format", () => {
  it("is kept to by every record, which can be made of its line again", () => {
    fc.assert(
      fc.property(records, (record) => {
        const line = Buffer.from(plain.line(record)).toString()
        assert.deepStrictEqual(restore(read(line)), membersOf(record))
      }),
      { numRuns: 1000 }
    )
  })

  it("is kept to whatever the options are", () => {
    const texts = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("a|b", "\\", "x\ny", " "))
    const options = fc.record({ vendor: texts, product: texts, version: texts, hostname: texts, instance: texts })
    fc.assert(
      fc.property(records, options, (record, given) => {
        read(Buffer.from(Cef.make(given).line(record)).toString())
      }),
      { numRuns: 300 }
    )
  })

  it("has a line for a record", () => {
    const record = link(
      make({
        message: "User 'ada'\nfailed",
        type: "auth|login\\failed",
        details: { ip: "10.0.0.1", path: "/a?b=c", user: "ada", reason: "x = y\\z|", count: 3, list: [1] },
        requestId: "r-1"
      })
    )
    assert.strictEqual(
      Cef.make({ vendor: "Example|Corp", product: "Server", version: "1.2", hostname: "web-1", instance: "1" }).line(
        record
      ),
      "CEF:0|Example\\|Corp|Server|1.2|auth\\|login\\\\failed|auth\\|login\\\\failed|6|" +
        "rt=1706702400007 src=10.0.0.1 suser=ada request=/a?b\\=c msg=User 'ada'\\nfailed deviceProcessName=server " +
        "dvchost=web-1 deviceExternalId=1 externalId=12 detailReason=x \\= y\\\\z| detailCount=3 " +
        `cs1=r-1 cs1Label=requestId cs5=${record.line.slice(-67, -3)} cs5Label=hash ` +
        'cs6={"details":{"count":3,"list":[1]}} cs6Label=rest'
    )
  })

  it("has a key for each kind of address, and for what is none", () => {
    const pairsOf = (ip: string) => Object.fromEntries(read(plain.line(make({ details: { ip } }))).pairs)
    assert.deepInclude(pairsOf("192.0.2.1"), { src: "192.0.2.1" })
    assert.deepInclude(pairsOf("2001:db8::1"), { c6a2: "2001:db8::1", c6a2Label: "Source IPv6 Address" })
    for (const ip of ["fe80::1%eth0", "256.0.0.1", "1.2.3"]) {
      assert.deepInclude(pairsOf(ip), { detailIp: ip })
      assert.doesNotHaveAnyKeys(pairsOf(ip), ["src", "c6a2"])
    }
  })

  it("tells the severity, and how an act has ended", () => {
    const severityOf = (level: AuditRecord["level"]) => read(plain.line(make({ level }))).severity
    assert.deepStrictEqual((["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] as const).map(severityOf), [
      "1",
      "3",
      "6",
      "8",
      "10"
    ])
    const failed = make({ type: "registrar-act-failed", details: { error: "InUse" }, intent: "i" })
    assert.deepInclude(Object.fromEntries(read(plain.line(failed)).pairs), {
      outcome: "failure",
      reason: "InUse",
      detailError: "InUse",
      cs2: "i"
    })
  })
})

describe("nsyslog-parser", () => {
  /** It splits at spaces and equals signs, also those that are escaped, and leaves escapes as they are. */
  const words = fc
    .array(fc.stringMatching(/^[a-z0-9.'_/-]{1,12}$/), { minLength: 1, maxLength: 4 })
    .map((all) => all.join(" "))
  const detailNames = fc
    .stringMatching(/^[a-z][a-zA-Z0-9]{0,8}$/)
    .filter((name) => !["ip", "path", "user", "constructor"].includes(name))

  it("reads what was written", () => {
    fc.assert(
      fc.property(words, words, fc.dictionary(detailNames, words), (message, user, details) => {
        const { cef, fields, type } = parse(
          plain.line(make({ message, details: { ...details, user }, requestId: "r-1" }))
        )
        assert.strictEqual(type, "CEF")
        const { extension: _, ...header } = cef
        assert.deepStrictEqual(header, {
          version: "CEF:0",
          deviceVendor: "effect-registrar",
          deviceProduct: "server",
          deviceVersion: "unknown",
          deviceEventClassID: "test-event",
          name: "test-event",
          severity: "6"
        })
        assert.deepStrictEqual(
          { ...fields },
          {
            rt: "1706702400007",
            suser: user,
            msg: message,
            deviceProcessName: "server",
            ...Object.fromEntries(
              Object.entries(details).map(([name, value]) => [`detail${name[0]!.toUpperCase()}${name.slice(1)}`, value])
            ),
            cs1: "r-1",
            cs1Label: "requestId"
          }
        )
      })
    )
  })
})
