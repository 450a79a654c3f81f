import type { Malformed, Parameters } from "effect-registrar/MessageTemplate"
import { describe, expect, test } from "tstyche"

describe("Parameters", () => {
  test("are the names in the template, each once", () => {
    expect<Parameters<"User '{user}' has loaded {path}">>().type.toBe<"user" | "path">()
    expect<Parameters<"{a} {b} {a}">>().type.toBe<"a" | "b">()
  })

  test("are none where there are none", () => {
    expect<Parameters<"">>().type.toBe<never>()
    expect<Parameters<"nothing to fill in">>().type.toBe<never>()
  })

  test("leave doubled braces alone", () => {
    expect<Parameters<"{{x}}">>().type.toBe<never>()
    expect<Parameters<"{{{x}}}">>().type.toBe<"x">()
    expect<Parameters<"{{{{x}}}} {y}">>().type.toBe<"y">()
  })

  test("leave the format out", () => {
    expect<Parameters<"{n:05d} of {total:>8}">>().type.toBe<"n" | "total">()
  })

  test("are any text where the template is not known", () => {
    expect<Parameters<string>>().type.toBe<string>()
  })
})

describe("Malformed", () => {
  test("is never for a template", () => {
    expect<Malformed<"">>().type.toBe<never>()
    expect<Malformed<"User '{user}' has loaded {path}">>().type.toBe<never>()
    expect<Malformed<"{{{x}}} {n:05d}">>().type.toBe<never>()
  })

  test("is never where the template is not known", () => {
    expect<Malformed<string>>().type.toBe<never>()
  })

  test("names a stray brace", () => {
    type Sentence = "The template has a stray '}': write '}}' for a literal brace"
    expect<Malformed<"a } b">>().type.toBe<Sentence>()
    expect<Malformed<"a } {b}">>().type.toBe<Sentence>()
    expect<Malformed<"{a}}">>().type.toBe<Sentence>()
  })

  test("names a brace that is never closed", () => {
    type Sentence = "The template has a '{' that is never closed: write '{{' for a literal brace"
    expect<Malformed<"{a">>().type.toBe<Sentence>()
    expect<Malformed<"{{{a">>().type.toBe<Sentence>()
  })

  test("names a brace inside a parameter", () => {
    expect<Malformed<"{a{b}}">>().type.toBe<"The template has a '{' inside the parameter '{a{b}'">()
  })

  test("names a parameter without a name", () => {
    expect<Malformed<"{}">>().type.toBe<"The template has a parameter without a name">()
    expect<Malformed<"{:05d}">>().type.toBe<"The template has a parameter without a name">()
  })

  test("names the character that a name must not have", () => {
    expect<
      Malformed<"{user.name}">
    >().type.toBe<"The parameter name 'user.name' must not contain '.', '[', ']' or '!'">()
  })
})
