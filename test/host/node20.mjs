// Vitest 5 prints failures with functions that Node 20 does not have yet.

/** @template T, K  @param {Iterable<T>} items  @param {(item: T, index: number) => K} keyOf */
function groupToMap(items, keyOf) {
  const groups = new Map();
  let index = 0;
  for (const item of items) {
    const key = keyOf(item, index++);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** @type {typeof Object.groupBy} */
const groupToObject = (items, keyOf) =>
  Object.assign(Object.create(null), Object.fromEntries(groupToMap(items, keyOf)));

function withResolvers() {
  let resolve, reject;
  const promise = new Promise((onResolve, onReject) => ([resolve, reject] = [onResolve, onReject]));
  return { promise, resolve, reject };
}

/** @param {object} owner  @param {string} name  @param {Function} value */
function supply(owner, name, value) {
  if (!(name in owner)) Object.defineProperty(owner, name, { value, configurable: true, writable: true });
}

supply(Map, "groupBy", groupToMap);
supply(Object, "groupBy", groupToObject);
supply(Promise, "withResolvers", withResolvers);
