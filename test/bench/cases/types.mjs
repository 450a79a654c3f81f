// What the compiler takes for errors and events that are registered, and for the same without the library.
import { figures, ratio, short, whole } from "../report.mjs"

const contestant = (style, size) => ({
  name: `${size} of each, ${style === "registrar" ? "registered in extensions of 50" : "by hand"}`,
  style,
  size,
  perPart: 50
})

const types = {
  title: "Type-checking",
  columns: [
    { head: "tsc s", key: "total", show: short },
    { head: "of it checking, s", key: "check", show: short },
    { head: "instantiations", key: "instantiations", show: whole },
    { head: "memory, MB", key: "memory", show: whole }
  ],
  contestants: {
    plain50: contestant("plain", 50),
    registrar50: contestant("registrar", 50),
    plain200: contestant("plain", 200),
    registrar200: contestant("registrar", 200),
    together200: { ...contestant("registrar", 200), name: "200 of each, registered in one extension", perPart: 200 },
    plain500: contestant("plain", 500),
    registrar500: contestant("registrar", 500)
  },
  targets: ({ plain500, registrar500 }) => [
    {
      what: "Type-checking 500 errors and 500 events, registered, against the same classes without the library",
      of: "time of tsc",
      measured: ratio(registrar500, plain500, "total"),
      atMost: 1.5,
      why: `
        The compiler reads each message for its parameters, compares each id with the name of its extension and with the others,
        and follows what each handler fails with and adds to the layer that registers it: nine times the instantiations. Tried:
        looking for duplicates in a tail call, which lets extensions of hundreds compile, but does not make them cheaper.`
    }
  ],
  meaning: (by) => `
    Programs of 50, 200 and 500 errors and as many events, with a handler for each ten of them. By hand the errors are
    \`Data.TaggedError\` classes, and the events functions that make a message. Registered, half of them have Schemas of their fields
    and half take them from their messages; there is an extension for each 50 errors and 50 events, and the compiler proves that everything that a
    handler uses is registered. That takes ${sizes.map((size) => times(by, size, "total")).join(", ")} the time, and
    ${short(perDefinition(by))} ms for each error with its event. 200 of each in one extension, and in one file, take
    ${inOne(by, "total")} times the time and ${inOne(by, "instantiations")} times the instantiations of the same 200 in extensions
    of 50.`
}

const sizes = [50, 200, 500]

const times = (by, size, key) => {
  const { middle } = ratio(by[`registrar${size}`], by[`plain${size}`], key)
  return `${size === 500 ? "and " : ""}with ${size} of each ${middle.toFixed(2)} times`
}

const inOne = ({ together200, registrar200 }, key) => ratio(together200, registrar200, key).middle.toFixed(2)

/** Of the larger program, what the smaller one does not have. */
const perDefinition = ({ registrar200, registrar500 }) =>
  ((figures(registrar500, "total").middle - figures(registrar200, "total").middle) * 1000) / 300

export const cases = () => [types]
