/**
 * The command line: quiet, scriptable, and telling what to do next. Each command is a file, loaded only when it is called, so
 * that help and completion answer in milliseconds. A command speaks to the running gateway over its control socket, by the
 * same contract as the console, and can do nothing that the contract does not offer; a few work offline and open their
 * domain's door. The attacker writes what is shown here: names, arguments and errors from agents and servers, which would
 * like to act as terminal escapes or to look like something else. So everything passes `visibleText` before it is printed.
 * Rejected: a framework for commands (parseArgs of Node is enough, and starts at once), questions where nobody can answer.
 */
export { main } from './main.ts';
