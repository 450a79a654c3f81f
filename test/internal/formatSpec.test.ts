import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { applyFormat, isFormat } from "../../src/internal/formatSpec.js"
import { toText } from "../../src/internal/jsonText.js"

type Vector = readonly [value: unknown, format: string, expected: string]

/** What Python 3.11 answers to `format(value, format)`. */
const vectors: ReadonlyArray<readonly [group: string, vectors: ReadonlyArray<Vector>]> = [
  [
    "text: padding, truncation, code points",
    [
      ["ada", "5", "ada  "],
      ["ada", "s", "ada"],
      ["ada", "<6", "ada   "],
      ["ada", ">6", "   ada"],
      ["ada", "^6", " ada  "],
      ["ada", "*^7", "**ada**"],
      ["ada", "05", "ada00"],
      ["ada", ".2", "ad"],
      ["ada", "6.2s", "ad    "],
      ["ada", ".0", ""],
      ["日本", ">4", "  日本"],
      ["😀😀", ".1", "😀"],
      ["😀", "*>3", "**😀"],
      ["ada", "😀>5", "😀😀ada"],
      ["ada", "<<5", "ada<<"],
      ["ada", "2", "ada"]
    ]
  ],
  [
    "int: width, sign, zeros",
    [
      [7, "d", "7"],
      [7, "3", "  7"],
      [7, "03d", "007"],
      [7, "05d", "00007"],
      [-7, "05d", "-0007"],
      [-7, "5", "   -7"],
      [7, "+d", "+7"],
      [7, " d", " 7"],
      [7, "-d", "7"],
      [-7, "+d", "-7"],
      [7, "<5", "7    "],
      [7, "^5", "  7  "],
      [7, "=5", "    7"],
      [-7, "=5", "-   7"],
      [-7, "*=6", "-****7"],
      [-7, "0=6", "-00007"],
      [7, "<05", "70000"],
      [7, "*<05", "7****"],
      [7, "n", "7"],
      [1000000000000000000000, "d", "1000000000000000000000"],
      [0, "d", "0"],
      [9007199254740991, "d", "9007199254740991"]
    ]
  ],
  [
    "int: grouping",
    [
      [1234567, ",", "1,234,567"],
      [1234567, "_", "1_234_567"],
      [1234567, ",d", "1,234,567"],
      [-1234567, "_d", "-1_234_567"],
      [123, ",", "123"],
      [1234, "05,", "1,234"],
      [1234, "06,", "01,234"],
      [1234, "08,", "0,001,234"],
      [1234, "012,", "0,000,001,234"],
      [-1234, "012,", "-000,001,234"],
      [1234, "*=12,", "*******1,234"],
      [1234, "0=12,", "0,000,001,234"],
      [1234, "<10,", "1,234     "]
    ]
  ],
  [
    "int: other bases",
    [
      [5, "b", "101"],
      [5, "#b", "0b101"],
      [5, "08b", "00000101"],
      [8, "o", "10"],
      [8, "#o", "0o10"],
      [255, "x", "ff"],
      [255, "X", "FF"],
      [255, "#x", "0xff"],
      [255, "#X", "0XFF"],
      [-255, "#x", "-0xff"],
      [-255, "#010x", "-0x00000ff"],
      [255, "*=#10x", "0x******ff"],
      [16777215, "_x", "ff_ffff"],
      [16777215, "#012_x", "0x0_00ff_ffff"],
      [1023, "_b", "11_1111_1111"],
      [65, "c", "A"],
      [65, "5c", "    A"],
      [128512, "c", "😀"]
    ]
  ],
  [
    "bool: an int",
    [
      [true, "5", "    1"],
      [false, "d", "0"],
      [true, "#x", "0x1"],
      [true, ".1f", "1.0"],
      [true, "%", "100.000000%"]
    ]
  ],
  [
    "float: fixed, halves to even",
    [
      [7.14159, ".2f", "7.14"],
      [0.5, ".0f", "0"],
      [1.5, ".0f", "2"],
      [2.5, ".0f", "2"],
      [-2.5, ".0f", "-2"],
      [0.125, ".2f", "0.12"],
      [0.375, ".2f", "0.38"],
      [2.675, ".2f", "2.67"],
      [1.005, ".2f", "1.00"],
      [3, ".2f", "3.00"],
      [3, "#.0f", "3."],
      [3, "f", "3.000000"],
      [-0.4, ".0f", "-0"],
      [0.1, ".20f", "0.10000000000000000555"],
      [1e22, "f", "10000000000000000000000.000000"],
      [1234567.891, ",.1f", "1,234,567.9"],
      [1234567.891, "_.0f", "1_234_568"],
      [1234.5, "012,.1f", "00,001,234.5"],
      [-3.5, "08.2f", "-0003.50"],
      [3.5, "+.1f", "+3.5"],
      [3.5, "*^9.2f", "**3.50***"]
    ]
  ],
  [
    "float: exponents",
    [
      [12345.678, "e", "1.234568e+04"],
      [12345.678, ".2e", "1.23e+04"],
      [12345.678, ".2E", "1.23E+04"],
      [12345.678, ".0e", "1e+04"],
      [12345.678, "#.0e", "1.e+04"],
      [0, "e", "0.000000e+00"],
      [1e-7, ".1e", "1.0e-07"],
      [5e-324, ".3e", "4.941e-324"],
      [1e300, "e", "1.000000e+300"],
      [9.9996, ".3e", "1.000e+01"],
      [1e23, ".17e", "9.99999999999999916e+22"],
      [2.5, ".0e", "2e+00"]
    ]
  ],
  [
    "float: general",
    [
      [0.0001, "g", "0.0001"],
      [1e-5, "g", "1e-05"],
      [123456, "g", "123456"],
      [1234567, "g", "1.23457e+06"],
      [1234567, "G", "1.23457E+06"],
      [1234567, ".3g", "1.23e+06"],
      [1.5, "#g", "1.50000"],
      [100, ".0g", "1e+02"],
      [99.99, ".2g", "1e+02"],
      [1234567.891, ",.9g", "1,234,567.89"],
      [0.5, "n", "0.5"],
      [1e-10, "G", "1E-10"]
    ]
  ],
  [
    "float: without a type",
    [
      [3.14, "6", "  3.14"],
      [3.14, "06", "003.14"],
      [3.14, "+", "+3.14"],
      [1e-7, ">8", "   1e-07"],
      [0.0001, "<8", "0.0001  "],
      [12.04, ".3", "12.0"],
      [5.5, ".1", "6e+00"],
      [99.99, ".2", "1e+02"],
      [1234.5, ",", "1,234.5"],
      [12.5, "#.4", "12.50"],
      [1e-7, "#", "1.e-07"],
      [123456.789, ".10", "123456.789"]
    ]
  ],
  [
    "float: percent",
    [
      [0.5, "%", "50.000000%"],
      [0.1234, ".1%", "12.3%"],
      [0.07, ".0%", "7%"],
      [1, "%", "100.000000%"],
      [-0.25, "+.0%", "-25%"],
      [0.5, "08.1%", "00050.0%"],
      [1234.5, ",.0%", "123,450%"]
    ]
  ],
  [
    "float: not finite",
    [
      [Infinity, "f", "inf"],
      [-Infinity, "e", "-inf"],
      [Infinity, "+F", "+INF"],
      [NaN, "6", "   nan"],
      [NaN, "G", "NAN"],
      [Infinity, "010,", "0000000inf"],
      [-Infinity, "08.1f", "-0000inf"],
      [Infinity, "%", "inf%"]
    ]
  ]
]

/** Where Python 3.11 raises. */
const refused: ReadonlyArray<readonly [value: unknown, format: string]> = [
  ["ada", "d"],
  ["ada", "+5"],
  ["ada", "=5"],
  ["ada", "#s"],
  ["ada", ",s"],
  ["ada", ".2f"],
  [7, "s"],
  [7, ".2"],
  [7, ".2d"],
  [7, ",x"],
  [7, ",n"],
  [7, "_c"],
  [7, "+c"],
  [7, "#c"],
  [-1, "c"],
  [1114112, "c"],
  [true, "s"],
  [3.5, "d"],
  [3.5, "x"],
  [3.5, "s"],
  [3.5, ",n"],
  [Infinity, "d"],
  [3.5, "5.f"],
  [7, ",_"],
  [7, "5k"],
  [7, "é5"],
  [7, "5 "],
  [7, "--5"]
]

describe("applyFormat", () => {
  for (const [group, cases] of vectors) {
    it(`is Python's format, ${group}`, () => {
      for (const [value, format, expected] of cases) {
        assert.strictEqual(applyFormat(value, format), expected, `format(${String(value)}, "${format}")`)
        assert.isTrue(isFormat(format), format)
      }
    })
  }

  it("leaves the format aside where Python refuses it", () => {
    for (const [value, format] of refused) {
      assert.strictEqual(applyFormat(value, format), toText(value), `format(${String(value)}, "${format}")`)
    }
  })

  it("formats a bigint as the int it is", () => {
    assert.strictEqual(applyFormat(12345678901234567890n, ",d"), "12,345,678,901,234,567,890")
    assert.strictEqual(applyFormat(255n, "#x"), "0xff")
    assert.strictEqual(applyFormat(10n ** 400n, ".2f"), toText(10n ** 400n))
  })

  it("leaves what has no format in Python as plain text", () => {
    for (const value of [null, undefined, { a: 1 }, [1, 2], Symbol("s")]) {
      assert.strictEqual(applyFormat(value, ">40"), toText(value))
    }
  })

  it("does without a format where it is empty", () => {
    assert.strictEqual(applyFormat(true, ""), "true")
    assert.strictEqual(applyFormat("ada", ""), "ada")
    assert.strictEqual(applyFormat(1.5, ""), "1.5")
  })

  it("never throws", () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.bigInt(), fc.double()), anyFormat, (value, format) => {
        const text = applyFormat(value, format)
        assert.strictEqual(typeof text, "string")
        if (!isFormat(format)) assert.strictEqual(text, toText(value))
      }),
      { numRuns: 2000 }
    )
  })
})

describe("isFormat", () => {
  it("knows what is no format for any value", () => {
    for (const format of ["k", "5.f", ",_", "5 ", "--5", "ab>5", "5d5", ".", "<>^", "\n"]) {
      assert.isFalse(isFormat(format), format)
    }
    for (const format of ["", "5", "\n<5", "<<", "😀^3"]) assert.isTrue(isFormat(format), format)
  })

  it("refuses what would fill the memory", () => {
    assert.isTrue(isFormat("10000"))
    assert.isTrue(isFormat(".1000f"))
    for (const format of ["10001", "999999999999999999999d", ".1001f", "9".repeat(400)]) {
      assert.isFalse(isFormat(format), format)
      assert.strictEqual(applyFormat(7, format), "7")
    }
  })
})

const anyFormat = fc.oneof(
  fc.string(),
  fc.string({ unit: fc.constantFrom(..."<>=^+- #0123456789,_.sdboxXceEfFgGn%*"), maxLength: 8 })
)
