/**
 * Python's format specification mini-language, for values that have a JSON form:
 * `[[fill]align][sign][#][0][width][, or _][.precision][type]`, see
 * https://docs.python.org/3/library/string.html#format-specification-mini-language
 *
 * Total where Python raises: a format that is none, or that does not fit its value, is left aside, and the value appears as
 * it does without one. A number without a fraction is an int, as it is in JSON.
 */
import { toText } from "./jsonText.js"

/** Formats may come from a plug-in: none may ask for gigabytes. */
const maxWidth = 10_000
const maxPrecision = 1_000

/** Whether the text is a format at all; which values it fits is another question. */
export const isFormat = (format: string): boolean => parse(format) !== undefined

/** The value in its format, or as plain text where the format does not fit. */
export const applyFormat = (value: unknown, format: string): string => {
  const spec = format === "" ? undefined : parse(format)
  return (spec === undefined ? undefined : formatValue(value, spec)) ?? toText(value)
}

interface Spec {
  readonly fill: string
  readonly align: string | undefined
  readonly sign: string | undefined
  readonly alternate: boolean
  readonly width: number
  readonly grouping: string
  readonly precision: number | undefined
  readonly type: string
}

const grammar = /^(?:(.)?([<>=^]))?([-+ ])?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([sdboxXceEfFgGn%])?$/su

const parse = (format: string): Spec | undefined => {
  const match = grammar.exec(format)
  if (match === null) return undefined
  const [, fill, align, sign, alternate, zero, width, grouping, precision, type] = match
  if (Number(width ?? 0) > maxWidth || Number(precision ?? 0) > maxPrecision) return undefined
  return {
    fill: fill ?? zero ?? " ",
    align,
    sign,
    alternate: alternate !== undefined,
    width: Number(width ?? 0),
    grouping: grouping ?? "",
    precision: precision === undefined ? undefined : Number(precision),
    type: type ?? ""
  }
}

/** `undefined` wherever Python raises a ValueError. */
const formatValue = (value: unknown, spec: Spec): string | undefined => {
  switch (typeof value) {
    case "string":
      return formatText(value, spec)
    case "boolean":
      return formatInt(value ? 1n : 0n, spec)
    case "bigint":
      return formatInt(value, spec)
    case "number":
      return Number.isInteger(value) ? formatInt(BigInt(value), spec) : formatFloat(value, spec)
    default:
      return undefined
  }
}

const formatText = (value: string, spec: Spec): string | undefined => {
  if (spec.type !== "s" && spec.type !== "") return undefined
  if (spec.sign !== undefined || spec.alternate || spec.grouping !== "" || spec.align === "=") return undefined
  return pad("", spec.precision === undefined ? value : chars(value).slice(0, spec.precision).join(""), "<", spec)
}

const radixByType: Record<string, 2 | 8 | 10 | 16> = { "": 10, d: 10, n: 10, b: 2, o: 8, x: 16, X: 16 }

const formatInt = (value: bigint, spec: Spec): string | undefined => {
  if (spec.type !== "" && "eEfFgG%".includes(spec.type)) {
    const float = Number(value)
    return Number.isFinite(float) ? formatFloat(float, spec) : undefined
  }
  if (spec.precision !== undefined) return undefined
  if (spec.type === "c") return formatCodePoint(value, spec)
  const radix = radixByType[spec.type]
  if (radix === undefined || (spec.type === "n" && spec.grouping !== "")) return undefined
  if (radix !== 10 && spec.grouping === ",") return undefined
  const digits = (value < 0n ? -value : value).toString(radix)
  const prefix = spec.alternate && radix !== 10 ? "0" + spec.type : ""
  const integer = spec.type === "X" ? digits.toUpperCase() : digits
  return formatNumber({ negative: value < 0n, prefix, integer, rest: "", groupSize: radix === 10 ? 3 : 4 }, spec)
}

const formatCodePoint = (value: bigint, spec: Spec): string | undefined => {
  if (spec.sign !== undefined || spec.alternate || spec.grouping !== "") return undefined
  if (value < 0n || value > 0x10ffffn) return undefined
  const rest = String.fromCodePoint(Number(value))
  return formatNumber({ negative: false, prefix: "", integer: "", rest, groupSize: Infinity }, spec)
}

const formatFloat = (value: number, spec: Spec): string | undefined => {
  const { type } = spec
  if (isIntType(type) || (type === "n" && spec.grouping !== "")) return undefined
  const scaled = type === "%" ? value * 100 : value
  const text = Number.isFinite(scaled) ? floatText(Math.abs(scaled), spec) : Number.isNaN(scaled) ? "nan" : "inf"
  const integer = /^\d*/.exec(text)![0]
  const rest = text.slice(integer.length) + (type === "%" ? "%" : "")
  return formatNumber(
    {
      negative: value < 0,
      prefix: "",
      integer,
      rest: type === "E" || type === "F" || type === "G" ? rest.toUpperCase() : rest,
      groupSize: integer === "" ? Infinity : 3
    },
    spec
  )
}

const floatText = (value: number, { alternate, precision, type }: Spec): string => {
  switch (type) {
    case "e":
    case "E":
      return scientific(toDigits(value, (precision ?? 6) + 1), alternate)
    case "f":
    case "F":
    case "%":
      return toFixed(value, precision ?? 6, alternate)
    case "": {
      // Without a type a float shows that it is one, "12.0" where "g" says "12", and leaves room for that digit.
      const digits = precision === undefined ? shortest(value) : toDigits(value, precision || 1)
      const text = general(digits, precision === undefined ? 16 : (precision || 1) - 1, alternate)
      return /^\d+$/.test(text) ? text + ".0" : text
    }
    default: {
      const room = precision === undefined ? 6 : precision || 1
      return general(toDigits(value, room), room, alternate)
    }
  }
}

interface Parts {
  readonly negative: boolean
  readonly prefix: string
  /** The digits that can be grouped and padded with zeros. */
  readonly integer: string
  readonly rest: string
  readonly groupSize: number
}

const formatNumber = ({ negative, prefix, integer, rest, groupSize }: Parts, spec: Spec): string => {
  const lead = (negative ? "-" : spec.sign === undefined || spec.sign === "-" ? "" : spec.sign) + prefix
  const align = spec.align ?? (spec.fill === "0" ? "=" : ">")
  const room = align === "=" && spec.fill === "0" ? spec.width - lead.length - chars(rest).length : 0
  return pad(lead, group(integer, spec.grouping, groupSize, room) + rest, ">", { ...spec, align })
}

/** Groups the digits, with as many leading zeros as the room asks for; a separator never comes first. */
const group = (digits: string, separator: string, size: number, room: number): string => {
  if (separator === "" || size === Infinity) return digits.padStart(room, "0")
  let length = digits.length
  while (length + Math.floor((length - 1) / size) < room) length += 1
  const padded = digits.padStart(length, "0")
  const first = length % size || size
  let out = padded.slice(0, first)
  for (let at = first; at < length; at += size) out += separator + padded.slice(at, at + size)
  return out
}

const pad = (lead: string, body: string, defaultAlign: string, { align = defaultAlign, fill, width }: Spec): string => {
  const total = Math.max(0, width - lead.length - chars(body).length)
  const left = align === "<" ? 0 : align === "^" ? Math.floor(total / 2) : total
  const before = fill.repeat(left)
  const text = align === "=" ? lead + before + body : before + lead + body
  return text + fill.repeat(total - left)
}

/** Python counts code points. */
const chars = (text: string): ReadonlyArray<string> => Array.from(text)

const isIntType = (type: string): boolean => type !== "" && "sdboxXc".includes(type)

/** `digits[0].digits[1…] × 10^exponent` */
interface Decimal {
  readonly digits: string
  readonly exponent: number
}

const general = (decimal: Decimal, limit: number, alternate: boolean): string => {
  const { exponent } = decimal
  const digits = alternate ? decimal.digits : decimal.digits.replace(/(?<=.)0+$/, "")
  if (exponent < -4 || exponent >= limit) return scientific({ digits, exponent }, alternate)
  if (exponent < 0) return "0." + "0".repeat(-exponent - 1) + digits
  return withPoint(digits.slice(0, exponent + 1).padEnd(exponent + 1, "0"), digits.slice(exponent + 1), alternate)
}

const scientific = ({ digits, exponent }: Decimal, alternate: boolean): string =>
  withPoint(digits.slice(0, 1), digits.slice(1), alternate) +
  (exponent < 0 ? "e-" : "e+") +
  String(Math.abs(exponent)).padStart(2, "0")

const withPoint = (integer: string, fraction: string, alternate: boolean): string =>
  fraction !== "" || alternate ? `${integer}.${fraction}` : integer

// JavaScript rounds exact halves up where Python rounds them to even, so the digits are worked out exactly.

const toFixed = (value: number, decimals: number, alternate: boolean): string => {
  const [numerator, denominator] = fraction(value)
  const digits = divide(numerator * power(decimals), denominator)
    .toString()
    .padStart(decimals + 1, "0")
  const point = digits.length - decimals
  return withPoint(digits.slice(0, point), digits.slice(point), alternate)
}

const toDigits = (value: number, count: number): Decimal => {
  if (value === 0) return { digits: "0".repeat(count), exponent: 0 }
  const [numerator, denominator] = fraction(value)
  const scaled = (shift: number): readonly [bigint, bigint] =>
    shift < 0 ? [numerator, denominator * power(-shift)] : [numerator * power(shift), denominator]
  // The shortest digits may have been rounded up to the next power of ten, never down.
  let { exponent } = shortest(value)
  const [above, below] = scaled(-exponent)
  if (above < below) exponent -= 1
  const digits = divide(...scaled(count - 1 - exponent)).toString()
  return digits.length > count ? { digits: digits.slice(0, count), exponent: exponent + 1 } : { digits, exponent }
}

/** The fewest digits that read back as the same number. */
const shortest = (value: number): Decimal => {
  const [digits, exponent] = value.toExponential().split("e")
  return { digits: digits!.replace(".", ""), exponent: Number(exponent) }
}

/** The exact fraction a double stands for. */
const fraction = (value: number): readonly [bigint, bigint] => {
  let numerator = value
  let denominator = 1n
  while (!Number.isInteger(numerator)) {
    numerator *= 2
    denominator *= 2n
  }
  return [BigInt(numerator), denominator]
}

/** Rounds halves to even. */
const divide = (numerator: bigint, denominator: bigint): bigint => {
  const quotient = numerator / denominator
  const twice = (numerator % denominator) * 2n
  return twice > denominator || (twice === denominator && quotient % 2n === 1n) ? quotient + 1n : quotient
}

const power = (exponent: number): bigint => 10n ** BigInt(exponent)
