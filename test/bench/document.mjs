// docs/benchmarks.md
import { availableParallelism, totalmem } from "node:os"
import { foreignLimit } from "./measure.mjs"
import { versions } from "./packages.mjs"
import { notes, reasons, table, targetTable, whole } from "./report.mjs"

/** A case with its rounds, as text, and what of it is a target. */
export const section = ({ title, columns, targets = () => [], meaning }, measured) => {
  const contestants = Object.values(measured)
  const sentences = meaning(measured).replaceAll(/\s+/g, " ").trim()
  const said = notes(contestants)
  const rounds = contestants.flatMap((contestant) => contestant.rounds)
  return {
    title,
    text: [`## ${title}`, table(contestants, columns), said, sentences].filter((part) => part !== "").join("\n\n"),
    targets: targets(measured),
    measurements: rounds.length,
    disturbed: rounds.filter(({ disturbed }) => disturbed).length
  }
}

const machine = (database) => {
  const memory = Math.round(totalmem() / 2 ** 30)
  const parts = [`${availableParallelism()} cores`, `${memory} GB`, process.platform, `Node ${process.versions.node}`]
  return [...parts, ...versions(), database].join(", ")
}

const duration = (seconds) => {
  const minutes = Math.round(seconds / 60)
  return minutes < 1 ? "less than a minute" : minutes === 1 ? "a minute" : `${minutes} minutes`
}

const preliminary = (sections) => {
  const disturbed = sections.reduce((sum, section) => sum + section.disturbed, 0)
  if (disturbed === 0) return []
  return [
    `**Preliminary:** something else used the machine during ${disturbed} measurements, also when they were repeated.`
  ]
}

export const render = ({ sections, rounds, requests, connections, command, version, seconds }) => {
  const targets = sections.flatMap((section) => section.targets)
  return [
    `# Benchmarks

\`\`\`sh
npm run bench${command.length > 0 ? ` -- ${command.join(" ")}` : ""}
\`\`\`

Measured in ${duration(seconds)} with ${machine(version)}; the load was on the same machine. Read the ratios: the figures beside them belong to this machine.
What they mean for an application stands in [what it costs](guides/performance.md).`,
    ...preliminary(sections),
    `## Targets

Each is a ratio of two things that were measured in turns, the first divided by the second, or what its second column says. \`npm run bench -- --check\` fails
where one is missed. Where it says "no tracer installed", a request has no span under \`Registrar.serve\`, and one under the
platform, which always makes it; the cases have rows for both without a span, and for both with one.`,
    targetTable(targets),
    reasons(targets),
    `## How it is measured

Over HTTP each server is a process of its own on the loopback, and autocannon sends ${whole(requests)} requests over
${connections} connections to warm it up and as many again to measure it. There are ${rounds} rounds, in turns, so that what
disturbs one contestant disturbs the others too, and each round begins with the next contestant. Each starts new processes, because the same code may stay a quarter slower in
one process than in another. What only asks whether it grows has 3 rounds, with a target or without. All run with \`NODE_ENV=production\` and without their loggers, unless their name says otherwise.
Every answer is compared with the expected one, the contestants' with each other's, and files have a line for each request and databases a row.
A database is on the same machine, and each contestant writes into tables of its own that were just made; its CPU time is known apart from that of others.

A figure is the median, with the lowest and the highest round in brackets; a ratio is that of the medians, with the lowest and
the highest of a single round. Within 5 % of 1, or of its target, it is a tie; where the brackets hold that, the noise is larger
than the difference. CPU time is the server's, all its threads. A measurement is disturbed when other processes use more than
${foreignLimit} cores on average. It is dropped and repeated then, as often as there are rounds.`,
    ...sections.map(({ text }) => text)
  ]
    .filter((part) => part !== "")
    .join("\n\n")
}
