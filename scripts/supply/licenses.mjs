/**
 * The packages whose licence is not on the list, one line each.
 * `found`: licence → packages, as `pnpm licenses list --json` says it. `packages`: name → why it is taken all the same.
 */
export function licenseProblems({ found, allowed, packages }) {
  const problems = [];
  const excepted = new Set();
  for (const [license, list] of Object.entries(found)) {
    for (const { name } of list) {
      if (isAllowed({ license, allowed })) continue;
      if (packages[name] === undefined)
        problems.push(`${name} is under '${license}', which security/licenses.json does not allow`);
      else excepted.add(name);
    }
  }
  for (const name of Object.keys(packages))
    if (!excepted.has(name))
      problems.push(`security/licenses.json excepts ${name}, which needs no exception`);
  return problems;
}

/** Returns whether an SPDX expression is allowed: one alternative must have only allowed licences. */
function isAllowed({ license, allowed }) {
  const alternatives = license.replace(/[()]/g, ' ').split(/\sOR\s/);
  return alternatives.some((all) => all.split(/\sAND\s/).every((each) => allowed.includes(each.trim())));
}
