/**
 * Opens a page in Firefox, by WebDriver BiDi: node firefox.mjs FIREFOX PUPPETEER URL FILE... It prints JSON: the status, the
 * messages of the page and of the console, and the scores of the test images and of the files, in their order.
 */

const [firefox, puppeteer, url, ...files] = process.argv.slice(2);
const { default: driver } = await import(puppeteer);
const browser = await driver.launch({ browser: "firefox", executablePath: firefox, headless: true });
try {
  const page = await browser.newPage();
  const console = [];
  page.on("console", (message) => console.push(message.text()));
  page.on("pageerror", (error) => console.push(error.message));
  await page.evaluateOnNewDocument(() => {
    window.answers = [];
    window.Worker = class extends Worker {
      constructor(address) {
        super(address);
        this.addEventListener("message", ({ data }) => data.type === "prediction" && window.answers.push([...data.scores]));
      }
    };
  });
  await page.goto(url);
  await page.waitForFunction(() => ["proven", "failed", "broken"].includes(document.body.className), { timeout: 120_000 });
  const tests = await page.evaluate(() => window.answers.length);
  await (await page.$("#files")).uploadFile(...files);
  await page.waitForFunction((count) => window.answers.length === count, { timeout: 120_000 }, tests + files.length);
  const read = () => [
    document.getElementById("status").textContent,
    document.getElementById("messages").textContent,
    window.answers,
  ];
  const [status, messages, answers] = await page.evaluate(read);
  const kept = await page.evaluate(() => navigator.serviceWorker.ready.then(() => true));
  process.stdout.write(JSON.stringify({ status, messages, console, kept, answers: answers.slice(tests) }));
} finally {
  await browser.close();
}
