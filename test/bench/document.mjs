// docs/benchmarks.md
import { availableParallelism, totalmem } from "node:os"
import { foreignLimit } from "./measure.mjs"
import { notes, table, targetTable, whole } from "./report.mjs"

/** A case with its rounds, as text, and what of it is a target. */
export const section = ({ title, columns, targets = () => [], meaning }, measured) => {
  const contestants = Object.values(measured)
  const sentences = meaning(measured).replaceAll(/\s+/g, " ").trim()
  const said = notes(contestants)
  return {
    text: [`## ${title}`, table(contestants, columns), said, sentences].filter((part) => part !== "").join("\n\n"),
    targets: targets(measured),
    disturbed: contestants.flatMap(({ rounds }) => rounds).filter(({ disturbed }) => disturbed).length
  }
}

const machine = () => {
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${availableParallelism()} cores, ${memory} GB, ${process.platform}, Node ${process.versions.node}`
}

const preliminary = (sections) => {
  const disturbed = sections.reduce((sum, section) => sum + section.disturbed, 0)
  if (disturbed === 0) return []
  return [
    `**Preliminary:** something else used the machine during ${disturbed} measurements, also when they were repeated.`
  ]
}

export const render = ({ sections, rounds, requests, connections, command }) =>
  [
    `# Benchmarks

\`\`\`sh
npm run bench${command.length > 0 ? ` -- ${command.join(" ")}` : ""}
\`\`\`

Measured with ${machine()}, the load on the same machine. Read the ratios: the figures beside them belong to this machine.`,
    ...preliminary(sections),
    `## Targets

Each is a ratio of two things that were measured in turns. \`npm run bench -- --check\` fails where one is missed. Why
those are that are missed stands in [what it costs](guides/performance.md).`,
    targetTable(sections.flatMap(({ targets }) => targets)),
    `## How it is measured

Over HTTP each server is a process of its own on the loopback, and autocannon sends ${whole(requests)} requests over
${connections} connections to warm it up and as many again to measure it. There are ${rounds} rounds, in turns, so that what
disturbs one contestant disturbs the others too; each starts new processes, because the same code may stay a quarter slower in
one process than in another. What has no target and only asks whether it grows has 3 rounds. All run with \`NODE_ENV=production\` and without their loggers, unless their name says otherwise.
Every answer is compared with the expected one, the contestants' with each other's, and files have a line for each request.

A figure is the median, with the lowest and the highest round in brackets; a ratio is that of the medians, with the lowest and
the highest of rounds that followed one another. Within 5 % of 1 is a tie; where the brackets hold 1, the noise is larger than
the difference. CPU time is the server's, all its threads. A measurement is disturbed when other processes use more than
${foreignLimit} cores on average. It is dropped and repeated then, as often as there are rounds.`,
    ...sections.map(({ text }) => text)
  ].join("\n\n")
