// Runs one browser check: the scenario's tests, one after the other, in a Chromium of their own.
//
// Reads {driver, script, executable, args, sandbox, timeout_ms, variables, ignore_https_errors} as JSON from the file
// descriptor 0. Writes lines of JSON to the descriptor 1: {"event": "launched"}, then one {"event": "done", …} with what
// was found (said again when the picture of it is there: the last one counts), or {"event": "trouble", "why": …} when no
// browser could be had. After a failure {"event": "trace"} may follow, and then a zip to the end. What the scenario prints
// goes to 2.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const util = require('node:util');
const { pathToFileURL } = require('node:url');
const module_ = require('node:module');

const EXPECT_TIMEOUT_MS = 5000;   // as the original's expect.timeout
const POLL_MS = 100;
const SCREENSHOT_TIMEOUT_MS = 4000;
const MAX_SCREENSHOT_BYTES = 1024 * 1024;
const TRACE_TIMEOUT_MS = 4000;
const MAX_TRACE_BYTES = 16 * 1024 * 1024;  // as in trace.py
const MAX_WORDS = 1000;           // characters of a cause
const MAX_TESTS = 100;

const input = JSON.parse(fs.readFileSync(0, 'utf8'));
const say = (message) => fs.writeSync(1, JSON.stringify(message) + '\n');
process.stdout.write = (text, ...rest) => process.stderr.write(text, ...rest);
const log = (text) => process.stderr.write(text + '\n');

const playwright = require(input.driver);
for (const name of Object.keys(process.env)) if (!['PATH', 'HOME', 'TMPDIR', 'LANG', 'TOCSIN_RUN'].includes(name)) delete process.env[name];
const own = { ...process.env, LANG: 'C.UTF-8' };  // before the scenario's variables, which may say anything
Object.assign(process.env, input.variables);

// --- what a scenario declares -------------------------------------------------------------------------------------------

const tests = [];
let scope = { titles: [], before: [], after: [], once: [], finally: [], use: {}, parent: null };

function declare(kind) {
  return (title, options, body) => {
    if (typeof options === 'function') body = options;
    if (tests.length >= MAX_TESTS) throw new Error(`A scenario may have at most ${MAX_TESTS} tests`);
    tests.push({ title, body, kind, scope });
  };
}

const test = declare('run');
test.only = declare('only');
test.skip = (...given) => (typeof given[0] === 'string' && given.length > 1 ? declare('skip')(...given) : skipNow(given));
test.fixme = test.skip;
test.fail = declare('fails');
test.slow = () => {};
test.setTimeout = () => {};
test.info = () => ({ title: running ? running.title : '', attach: async () => {}, annotations: [], retry: 0, project: { name: 'chromium', use: {} } });
test.use = (options) => Object.assign(scope.use, options);
test.step = async (title, body) => { log(`step: ${title}`); return body({ skip: () => {} }); };
test.beforeEach = (...given) => scope.before.push(given.at(-1));
test.afterEach = (...given) => scope.after.push(given.at(-1));
test.beforeAll = (...given) => scope.once.push({ body: given.at(-1), done: false });
test.afterAll = (...given) => scope.finally.push(given.at(-1));
test.describe = (title, ...rest) => {
  const body = rest.at(-1);
  if (typeof title === 'function') return title();
  const outer = scope;
  scope = { titles: [...outer.titles, title], before: [], after: [], once: [], finally: [], use: {}, parent: outer };
  try { body(); } finally { scope = outer; }
};
for (const name of ['serial', 'parallel', 'only']) test.describe[name] = test.describe;
test.describe.skip = () => {};
test.describe.configure = () => {};
test.extend = () => { throw new Error('test.extend is not available here'); };

class Skipped extends Error {}
let running = null;
function skipNow(given) {
  if (given.length === 0 || given[0]) throw new Skipped(given[1] || '');
}

// --- expect ---------------------------------------------------------------------------------------------------------------

const soft = [];
const show = (value) => util.inspect(value, { depth: 4, breakLength: Infinity, maxStringLength: 200, maxArrayLength: 20 });
const squeeze = (text) => String(text ?? '').replace(/\s+/g, ' ').trim();
const isLocator = (value) => value && typeof value === 'object' && typeof value.evaluateAll === 'function' && typeof value.isVisible === 'function' && typeof value.goto !== 'function';
const isPage = (value) => value && typeof value === 'object' && typeof value.goto === 'function' && typeof value.title === 'function';
const isResponse = (value) => value && typeof value === 'object' && typeof value.ok === 'function' && typeof value.status === 'function';

function matchesText(found, wanted, { exact, ignoreCase } = {}) {
  if (wanted instanceof RegExp) return wanted.test(found);
  let [text, expected] = [squeeze(found), squeeze(wanted)];
  if (ignoreCase) [text, expected] = [text.toLowerCase(), expected.toLowerCase()];
  return exact ? text === expected : text.includes(expected);
}

function subset(found, wanted) {
  if (wanted === null || typeof wanted !== 'object') return Object.is(found, wanted);
  if (Array.isArray(wanted)) return Array.isArray(found) && found.length === wanted.length && wanted.every((each, i) => subset(found[i], each));
  return found !== null && typeof found === 'object' && Object.keys(wanted).every((key) => subset(found[key], wanted[key]));
}

const deepEqual = (a, b) => util.isDeepStrictEqual(plain(a), plain(b));
function plain(value) {  // toEqual does not see keys that are undefined
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined).map(([k, v]) => [k, plain(v)]));
  return value;
}

const property = (value, where) => (Array.isArray(where) ? where : String(where).split('.')).reduce((at, key) => (at === null || at === undefined ? undefined : at[key]), value);

const VALUES = {  // (found, ...arguments) -> whether it holds
  toBe: (found, wanted) => Object.is(found, wanted),
  toEqual: deepEqual,
  toStrictEqual: (found, wanted) => util.isDeepStrictEqual(found, wanted),
  toMatchObject: subset,
  toBeTruthy: (found) => Boolean(found),
  toBeFalsy: (found) => !found,
  toBeNull: (found) => found === null,
  toBeUndefined: (found) => found === undefined,
  toBeDefined: (found) => found !== undefined,
  toBeNaN: (found) => Number.isNaN(found),
  toContain: (found, wanted) => (typeof found === 'string' ? found.includes(wanted) : [...found].includes(wanted)),
  toContainEqual: (found, wanted) => [...found].some((each) => deepEqual(each, wanted)),
  toMatch: (found, wanted) => (wanted instanceof RegExp ? wanted.test(found) : String(found).includes(wanted)),
  toHaveLength: (found, wanted) => found.length === wanted,
  toHaveProperty: (found, where, ...wanted) => (wanted.length ? deepEqual(property(found, where), wanted[0]) : property(found, where) !== undefined),
  toBeGreaterThan: (found, wanted) => found > wanted,
  toBeGreaterThanOrEqual: (found, wanted) => found >= wanted,
  toBeLessThan: (found, wanted) => found < wanted,
  toBeLessThanOrEqual: (found, wanted) => found <= wanted,
  toBeCloseTo: (found, wanted, digits = 2) => Math.abs(found - wanted) < 10 ** -digits / 2,
  toBeInstanceOf: (found, wanted) => found instanceof wanted,
  toThrow: (found, wanted) => {
    try { found(); } catch (error) { return wanted === undefined || (typeof wanted === 'function' ? error instanceof wanted : VALUES.toMatch(error.message, wanted)); }
    return false;
  },
};

const all = (locator, body, argument) => locator.evaluateAll(body, argument);
const one = async (locator, body) => {  // [value] of the only element, or [] when there is none yet
  const count = await locator.count();
  if (count > 1) throw new Error(`strict mode violation: ${locator} resolved to ${count} elements`);
  return count === 0 ? [] : [await body(locator)];
};
const quick = { timeout: 1000 };
const onOne = (body, seen = (value) => value) => async (locator, ...wanted) => {
  const [found] = await one(locator, body(...wanted));
  return { found: found === undefined ? 'no such element' : seen(found), holds: found };
};
const flag = (read, name, opposite) => async (locator) => {
  const [found] = await one(locator, read);
  return { found: found === undefined ? 'no such element' : found ? name : opposite, holds: found === true };
};
const texts = (exact) => async (locator, wanted, options = {}) => {
  const found = await all(locator, (elements) => elements.map((each) => each.textContent || ''));
  const fits = (text, each) => matchesText(text, each, { exact, ...options });
  if (Array.isArray(wanted)) return { found, holds: found.length === wanted.length && wanted.every((each, i) => fits(found[i], each)) };
  if (found.length > 1) throw new Error(`strict mode violation: ${locator} resolved to ${found.length} elements`);
  return { found: found.length ? squeeze(found[0]) : 'no such element', holds: found.length === 1 && fits(found[0], wanted) };
};
const read = (get, exact = true) => async (locator, wanted) => {
  const [found] = await one(locator, get);
  return { found: found === undefined ? 'no such element' : found, holds: found !== undefined && found !== null && matchesText(found, wanted, { exact }) };
};

const LOCATORS = {  // (locator, ...arguments) -> {found, holds}, asked again until it holds
  toBeVisible: flag((l) => l.isVisible(), 'visible', 'hidden'),
  toBeHidden: async (locator) => { const [found] = await one(locator, (l) => l.isVisible()); return { found: found ? 'visible' : 'hidden', holds: !found }; },
  toBeAttached: async (locator) => { const count = await locator.count(); return { found: count ? 'attached' : 'no such element', holds: count > 0 }; },
  toBeEnabled: flag((l) => l.isEnabled(quick), 'enabled', 'disabled'),
  toBeDisabled: flag((l) => l.isDisabled(quick), 'disabled', 'enabled'),
  toBeEditable: flag((l) => l.isEditable(quick), 'editable', 'read-only'),
  toBeChecked: async (locator, { checked = true } = {}) => { const [found] = await one(locator, (l) => l.isChecked(quick)); return { found: found ? 'checked' : 'not checked', holds: found === checked }; },
  toBeEmpty: flag((l) => l.evaluate((e) => ('value' in e ? !e.value : !(e.textContent || '').trim()), undefined, quick), 'empty', 'not empty'),
  toBeFocused: flag((l) => l.evaluate((e) => e === document.activeElement, undefined, quick), 'focused', 'not focused'),
  toBeInViewport: flag((l) => l.evaluate((e) => { const r = e.getBoundingClientRect(); return r.bottom > 0 && r.right > 0 && r.top < innerHeight && r.left < innerWidth; }, undefined, quick), 'in the viewport', 'outside the viewport'),
  toHaveText: texts(true),
  toContainText: texts(false),
  toHaveValue: read((l) => l.inputValue(quick)),
  toHaveId: read((l) => l.getAttribute('id', quick)),
  toHaveClass: read((l) => l.getAttribute('class', quick)),
  toContainClass: async (locator, wanted) => { const [found] = await one(locator, (l) => l.getAttribute('class', quick)); return { found, holds: squeeze(wanted).split(' ').every((each) => squeeze(found).split(' ').includes(each)) }; },
  toHaveAttribute: async (locator, name, ...wanted) => { const [found] = await one(locator, (l) => l.getAttribute(name, quick)); return { found, holds: found !== undefined && found !== null && (wanted.length === 0 || matchesText(found, wanted[0], { exact: true })) }; },
  toHaveCSS: async (locator, name, wanted) => { const [found] = await one(locator, (l) => l.evaluate((e, n) => getComputedStyle(e).getPropertyValue(n), name, quick)); return { found, holds: found !== undefined && matchesText(found, wanted, { exact: true }) }; },
  toHaveJSProperty: async (locator, name, wanted) => { const [found] = await one(locator, (l) => l.evaluate((e, n) => e[n], name, quick)); return { found, holds: deepEqual(found, wanted) }; },
  toHaveCount: async (locator, wanted) => { const found = await locator.count(); return { found, holds: found === wanted }; },
};

const PAGES = {
  toHaveTitle: async (page, wanted) => { const found = await page.title(); return { found, holds: matchesText(found, wanted, { exact: true }) }; },
  toHaveURL: async (page, wanted) => {
    const found = page.url();
    if (typeof wanted === 'function') return { found, holds: Boolean(wanted(new URL(found))) };
    if (wanted instanceof RegExp) return { found, holds: wanted.test(found) };
    if (wanted.includes('*')) return { found, holds: new RegExp('^' + wanted.split('**').map((part) => part.split('*').map((each) => each.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('[^/]*')).join('.*') + '$').test(found) };
    return { found, holds: found === wanted || found === new URL(wanted, found).href };
  },
};

const RESPONSES = { toBeOK: async (response) => ({ found: response.status(), holds: response.ok() }) };

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function until(look, negated, timeout) {
  const end = Date.now() + timeout;
  for (;;) {
    let state;
    try { state = await look(); } catch (error) {
      if (/strict mode violation|Target (page|closed)|has been closed/.test(error.message) || Date.now() >= end) throw error;
      state = { found: error.message.split('\n')[0], holds: negated };
    }
    if (Boolean(state.holds) !== negated) return null;
    if (Date.now() >= end) return state;
    await pause(POLL_MS);
  }
}

function fail(subject, name, wanted, found, negated, note) {
  const parts = [note ? `${note}: ` : '', `expect(${subject})${negated ? '.not' : ''}.${name}(${wanted.filter((each) => each !== undefined).map(show).join(', ')})`];
  return new Error(`${parts.join('')} failed, found ${typeof found === 'string' ? found : show(found)}`);
}

function matchers(value, { negated = false, note = '', isSoft = false, timeout } = {}) {
  const kind = isLocator(value) ? [LOCATORS, String(value)] : isPage(value) ? [PAGES, 'page'] : isResponse(value) ? [RESPONSES, 'response'] : [VALUES, null];
  return new Proxy({}, {
    get(_, name) {
      if (name === 'not') return matchers(value, { negated: !negated, note, isSoft, timeout });
      if (name === 'resolves' || name === 'rejects') return settled(value, name, { negated, note, isSoft, timeout });
      if (name === 'toPass') return (options) => passes(value, options);
      if (name === 'then') return undefined;
      const [table, subject] = kind;
      const matcher = Object.hasOwn(table, name) ? table[name] : VALUES[name];
      if (matcher === undefined) throw new Error(`expect(…).${String(name)} is not available here. There are: ${Object.keys({ ...table, ...VALUES }).join(', ')}`);
      const kept = (error) => { if (error && !isSoft) throw error; if (error) soft.push(error); };
      if (table === VALUES || !Object.hasOwn(table, name)) {
        return (...wanted) => kept(Boolean(matcher(value, ...wanted)) !== negated ? null : fail(show(value), name, wanted, value, negated, note));
      }
      return async (...wanted) => {
        const options = wanted.at(-1) && typeof wanted.at(-1) === 'object' && !(wanted.at(-1) instanceof RegExp) && !Array.isArray(wanted.at(-1)) ? wanted.at(-1) : {};
        const place = new Error();
        const state = await until(() => matcher(value, ...wanted), negated, options.timeout ?? timeout ?? EXPECT_TIMEOUT_MS);
        if (state === null) return;
        const error = fail(subject, name, wanted.filter((each) => each !== options), state.found, negated, note);
        error.stack = `${error.message}\n${place.stack.split('\n').slice(1).join('\n')}`;
        kept(error);
      };
    },
  });
}

function settled(promise, how, options) {
  return new Proxy({}, { get: (_, name) => async (...wanted) => {
    let value;
    if (how === 'resolves') value = await promise;
    else try { await promise; throw new Error('the promise was expected to be rejected, and was resolved'); } catch (error) { value = name === 'toThrow' ? () => { throw error; } : error; }
    return matchers(value, options)[name](...wanted);
  } });
}

async function passes(body, { timeout = 0, intervals = [100, 250, 500, 1000] } = {}) {
  const end = timeout ? Date.now() + timeout : Infinity;
  for (let round = 0; ; round += 1) {
    try { return await body(); } catch (error) { if (Date.now() >= end) throw error; }
    await pause(intervals[Math.min(round, intervals.length - 1)]);
  }
}

const expect = (value, note) => matchers(value, { note: typeof note === 'string' ? note : note?.message });
expect.soft = (value, note) => matchers(value, { note: typeof note === 'string' ? note : note?.message, isSoft: true });
expect.configure = ({ timeout, soft: isSoft } = {}) => (value, note) => matchers(value, { note: typeof note === 'string' ? note : note?.message, timeout, isSoft });
expect.poll = (body, { timeout = EXPECT_TIMEOUT_MS, message } = {}) => new Proxy({}, { get: (_, name) => {
  const asked = (negated, matcher) => async (...wanted) => {
    let found;
    const state = await until(async () => { found = await body(); return { found, holds: VALUES[matcher](found, ...wanted) }; }, negated, timeout);
    if (state !== null) throw fail('poll', matcher, wanted, found, negated, message);
  };
  return name === 'not' ? new Proxy({}, { get: (_2, inner) => asked(true, inner) }) : asked(false, name);
} });

// --- running ----------------------------------------------------------------------------------------------------------------

const offered = { test, expect, chromium: playwright.chromium, devices: playwright.devices, request: playwright.request, errors: playwright.errors };
const NAMES = ['@playwright/test', 'playwright', 'playwright-core', 'playwright/test'];

async function load() {
  const file = path.join(own.TMPDIR, 'scenario.ts');
  const shim = path.join(own.TMPDIR, 'playwright.cjs');
  fs.writeFileSync(shim, Object.keys(offered).map((name) => `exports.${name} = globalThis[Symbol.for('offered')].${name};`).join('\n'));
  globalThis[Symbol.for('offered')] = offered;
  Object.assign(globalThis, { test, expect });
  fs.writeFileSync(file, input.script);
  module_.registerHooks({ resolve: (name, context, next) => (NAMES.includes(name) ? { url: pathToFileURL(shim).href, format: 'commonjs', shortCircuit: true } : next(name, context)) });
  await import(pathToFileURL(file).href);
}

const chain = (inner, key) => (inner ? [...chain(inner.parent, key), ...inner[key]] : []);
const chainUse = (inner) => (inner ? { ...chainUse(inner.parent), ...inner.use } : {});

function place(error) {
  const found = /scenario\.ts:(\d+)/.exec(error?.stack ?? '');
  return found ? Number(found[1]) : null;
}

function words(error) {
  const text = error instanceof Error ? error.message : `thrown: ${show(error)}`;
  const [first, ...rest] = util.stripVTControlCharacters(text).split('\n').map((line) => line.trim()).filter(Boolean);
  const detail = rest.find((line) => /^(Error: )?(strict mode|net::|expected|received)/i.test(line));
  return `${first ?? 'it failed without a word'}${detail && !first.includes(detail) ? ` ${detail}` : ''}`.slice(0, MAX_WORDS);
}

async function runOne(browser, each, began) {
  running = each;
  soft.length = 0;
  const { baseURL, viewport, userAgent, locale, timezoneId, extraHTTPHeaders, httpCredentials, colorScheme, geolocation, permissions, storageState, ignoreHTTPSErrors, isMobile, hasTouch, deviceScaleFactor, javaScriptEnabled } = chainUse(each.scope);
  const options = { baseURL, viewport, userAgent, locale, timezoneId, extraHTTPHeaders, httpCredentials, colorScheme, geolocation, permissions, storageState, isMobile, hasTouch, deviceScaleFactor, javaScriptEnabled, ignoreHTTPSErrors: ignoreHTTPSErrors ?? input.ignore_https_errors };
  const context = await browser.newContext(Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)));
  await context.route((url) => url.protocol === 'file:', (route) => route.abort());
  await beginTrace(context);
  const page = await context.newPage();
  watch(page);
  const request = context.request;
  const fixtures = { page, context, browser, request, browserName: 'chromium', baseURL };
  let error = null;
  try {
    for (const once of chain(each.scope, 'once')) if (!once.done) { once.done = true; await once.body(fixtures, test.info()); }
    for (const before of chain(each.scope, 'before')) await before(fixtures, test.info());
    await each.body(fixtures, test.info());
    if (soft.length) throw soft[0];
  } catch (thrown) { error = thrown; }
  for (const after of chain(each.scope, 'after')) try { await after(fixtures, test.info()); } catch (thrown) { error ??= thrown; }
  if (error instanceof Skipped) error = null;
  if (each.kind === 'fails') error = error ? null : new Error('it was expected to fail, and did not');
  if (error) return failed({ ok: false, cause: `${fullTitle(each)}: ${words(error)}`, line: place(error), milliseconds: Date.now() - began }, context, page);
  await context.close().catch(() => {});
  return null;
}

const fullTitle = (each) => [...each.scope.titles, each.title].join(' › ');

let deadline = null;
async function failed(result, context, page) {  // what is known is said at once: gathering evidence may take too long
  clearTimeout(deadline);
  say({ event: 'done', ...result });
  const shown = context && (page || context.pages().length) ? await picture(context, page ?? context.pages()[0]) : {};
  return { ...result, ...shown, trace: await endTrace() };
}

// Snapshots of the pages, but no film: it costs a third more than a check without, and what it shows cannot be hidden.
let tracing = null;
async function beginTrace(context) {
  const [start, stop] = [context.tracing.start.bind(context.tracing), context.tracing.stop.bind(context.tracing)];
  const mine = { context, stop };
  tracing = null;
  try { await start({ snapshots: true }); } catch (error) { log(`no trace: ${words(error)}`); return; }
  tracing = mine;
  context.tracing.start = async (...given) => {
    if (tracing === mine) { tracing = null; log('no trace: the scenario makes its own'); await stop(); }
    return start(...given);
  };
}

async function endTrace() {
  if (!tracing) return null;
  const { stop } = tracing;
  tracing = null;
  const file = path.join(own.TMPDIR, 'trace.zip');
  try {
    const late = new Promise((_, no) => setTimeout(() => no(new Error('it took too long')), TRACE_TIMEOUT_MS));
    await Promise.race([stop({ path: file }), late]);
    const { size } = fs.statSync(file);
    if (size > MAX_TRACE_BYTES) throw new Error(`it has ${size} bytes, more than ${MAX_TRACE_BYTES}`);
    return fs.readFileSync(file);
  } catch (error) { log(`no trace: ${words(error)}`); return null; }
}

function finish({ trace, ...result }) {
  say({ event: 'done', ...result });
  if (trace) {
    say({ event: 'trace' });
    for (let at = 0; at < trace.length;) at += fs.writeSync(1, trace, at);
  }
  process.exit(0);
}

let crashed = false;
async function crash(how, error) {
  if (crashed) return;
  crashed = true;
  const result = { ok: false, cause: `${how}: ${words(error)}`, line: place(error) };
  finish(await failed(result, tracing?.context).catch(() => result));
}

function watch(page) {
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) log(`console ${message.type()}: ${message.text().slice(0, 500)}`); });
  page.on('pageerror', (error) => log(`page error: ${error.message.slice(0, 500)}`));
  page.on('requestfailed', (request) => log(`request failed: ${request.method()} ${request.url().slice(0, 300)} ${request.failure()?.errorText ?? ''}`));
  page.on('response', (response) => { if (response.status() >= 400) log(`status ${response.status()}: ${response.request().method()} ${response.url().slice(0, 300)}`); });
  page.on('framenavigated', (frame) => { if (frame === page.mainFrame()) log(`at ${frame.url().slice(0, 300)}`); });
}

async function picture(context, fallback) {
  const page = context.pages().at(-1) ?? fallback;
  const result = { url: page.url() };
  try {
    let image = await page.screenshot({ timeout: SCREENSHOT_TIMEOUT_MS });
    if (image.length > MAX_SCREENSHOT_BYTES) image = await page.screenshot({ timeout: SCREENSHOT_TIMEOUT_MS, scale: 'css', clip: { x: 0, y: 0, width: 800, height: 600 } });
    if (image.length <= MAX_SCREENSHOT_BYTES) result.screenshot = image.toString('base64');
  } catch (error) { log(`no screenshot: ${words(error)}`); }
  return result;
}

async function launch() {
  const given = { executablePath: input.executable, headless: true, args: input.args, env: own, timeout: input.launch_ms };
  try { return await playwright.chromium.launch({ ...given, chromiumSandbox: true }); } catch (error) {
    if (!input.may_drop_sandbox) throw error;
    return playwright.chromium.launch({ ...given, chromiumSandbox: false });
  }
}

async function everything(browser) {
  try { await load(); } catch (error) { return { ok: false, cause: `The script cannot be run: ${words(error)}`, line: place(error) }; }
  const chosen = tests.some((each) => each.kind === 'only') ? tests.filter((each) => each.kind === 'only') : tests;
  if (!chosen.length) return { ok: false, cause: 'The script declares no test' };
  const began = Date.now();
  for (const each of chosen.filter((one) => one.kind !== 'skip')) {
    log(`test: ${fullTitle(each)}`);
    const result = await runOne(browser, each, began);
    if (result) return result;
  }
  for (const last of new Set(tests.flatMap((each) => chain(each.scope, 'finally')))) await last({ browser });
  return { ok: true, milliseconds: Date.now() - began };
}

async function main() {
  let browser;
  try { browser = await launch(); } catch (error) { say({ event: 'trouble', why: words(error) }); process.exit(1); }
  say({ event: 'launched' });
  let open = true;
  browser.on('disconnected', () => { if (open) { say({ event: 'trouble', why: 'Chromium ended by itself' }); process.exit(1); } });
  const late = new Promise((done) => { deadline = setTimeout(() => {
    const result = { ok: false, late: true, cause: `${running ? `${running.title}: ` : ''}timed out` };
    done(failed(result, browser.contexts().at(-1)));
  }, input.timeout_ms); });
  let result;
  try { result = await Promise.race([everything(browser), late]); } catch (error) { result = { ok: false, cause: words(error), line: place(error) }; }
  open = false;
  if (!crashed) finish(result);
}

process.on('uncaughtException', (error) => crash('uncaught', error));
process.on('unhandledRejection', (error) => crash('unhandled', error));
main();
