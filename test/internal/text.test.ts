import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import * as fc from "fast-check"
import { barChart } from "../../src/internal/barChart.js"
import * as Csv from "../../src/internal/csv.js"
import * as Moment from "../../src/internal/moment.js"
import * as Tally from "../../src/internal/tally.js"
import { cut, pad, visible, visibleJson, widthOf } from "../../src/internal/visible.js"

const anyText = fc.string({
  unit: fc.oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
    fc.constantFrom("\u001b", "\u009b", "\u202e", "\ud800", "é", "漢", "😀", "=", '"', ",", "\r", "\n")
  )
})
const control = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

describe("visible", () => {
  it("leaves nothing that a terminal obeys, and what is seen as it is", () => {
    fc.assert(fc.property(anyText, (text) => assert.notMatch(visible(text), control)))
    assert.strictEqual(visible("naïve 漢字 😀 C:\\x"), "naïve 漢字 😀 C:\\x")
    assert.strictEqual(visible("a\u001b[2J\n\u009b\u202e\u{e0041}"), "a\\u001b[2J\\n\\u009b\\u202e\\u{e0041}")
  })

  it("leaves JSON what it means", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const json = visibleJson(JSON.stringify([text], null, "\t"))
        assert.notMatch(json, control)
        assert.deepStrictEqual(JSON.parse(json), [text])
      })
    )
  })

  it("counts columns, and keeps within them", () => {
    assert.strictEqual(widthOf("a漢😀e\u0301"), 6)
    assert.strictEqual(cut("a漢字", 4), "a漢…")
    assert.strictEqual(pad("漢", 3), "漢 ")
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 20 }), (text, columns) =>
        assert.isAtMost(widthOf(cut(visible(text), columns)), columns)
      )
    )
  })
})

describe("barChart", () => {
  it("fits", () => {
    const bars = fc.array(fc.record({ label: anyText.map(visible), count: fc.nat() }), { maxLength: 10 })
    fc.assert(
      fc.property(bars, fc.integer({ min: 20, max: 200 }), (bars, columns) => {
        for (const line of barChart(bars, columns)) assert.isAtMost(widthOf(line), columns)
      })
    )
    assert.deepStrictEqual(
      barChart(
        [
          { label: "a", count: 1000 },
          { label: "bb", count: 1 },
          { label: "c", count: 0 }
        ],
        20
      ),
      ["a   1,000  █████████", "bb      1  ▏", "c       0"]
    )
  })
})

/** RFC 4180, read by its grammar. */
const parseCsv = (text: string) =>
  Array.from(
    text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g),
    ([, quoted, plain = ""]) => quoted?.replaceAll('""', '"') ?? plain
  )

describe("row", () => {
  it("is read back as it was", () => {
    fc.assert(
      fc.property(fc.array(anyText, { minLength: 1 }), (cells) =>
        assert.deepStrictEqual(parseCsv(Csv.row(cells, { raw: true })), cells)
      )
    )
  })

  it("begins no cell like a formula", () => {
    fc.assert(
      fc.property(fc.array(anyText, { minLength: 1 }), (cells) => {
        for (const cell of parseCsv(Csv.row(cells))) assert.notMatch(cell, /^[=+\-@\t\r\n]/)
      })
    )
    assert.strictEqual(Csv.row(["=1", "a-b", "-", ""]), "'=1,a-b,'-,\r\n")
  })
})

describe("parse", () => {
  const now = Date.parse("2024-03-01T00:00:00.000Z")
  const parse = (text: string) => Either.getOrUndefined(Moment.parse(text, now))

  it("takes dates and how long ago", () => {
    assert.strictEqual(parse("90s"), "2024-02-29T23:58:30.000Z")
    assert.strictEqual(parse("15m"), "2024-02-29T23:45:00.000Z")
    assert.strictEqual(parse("2H"), "2024-02-29T22:00:00.000Z")
    assert.strictEqual(parse("1d"), "2024-02-29T00:00:00.000Z")
    assert.strictEqual(parse("1w"), "2024-02-23T00:00:00.000Z")
    assert.strictEqual(parse("2024-01-31"), "2024-01-31T00:00:00.000Z")
    assert.strictEqual(parse("2024-01-31 12:30"), "2024-01-31T12:30:00.000Z")
    assert.strictEqual(parse("2024-01-31T12:30:01.5Z"), "2024-01-31T12:30:01.500Z")
    assert.strictEqual(parse("2024-01-31T12:30:01.123456789+01:30"), "2024-01-31T11:00:01.123Z")
  })

  it("takes nothing else", () => {
    for (const text of [
      "",
      "15",
      "m",
      "-1d",
      "yesterday",
      "2024-02-30",
      "2024-13-01",
      "2024-01-31T25:00",
      "999999999w",
      "2024-1-1"
    ]) {
      assert.isUndefined(parse(text), text)
    }
  })
})

describe("make", () => {
  it("counts in bounded memory", () => {
    const tally = Tally.make(2)
    for (const name of ["a", "b", "c", "b", "d", "x".repeat(1000)]) tally.add(name)
    assert.deepStrictEqual(tally.entries(), [
      ["b", 2],
      ["a", 1]
    ])
    assert.strictEqual(tally.others(), 3)
  })
})
