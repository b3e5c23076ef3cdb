/** Decodes the files beside this page; results[name] has the size and the RGB pixels, in base64. */

const results = {};

async function decodeFile(name, size) {
  try {
    const { pixels, approximate } = await images.decode(await (await fetch(name)).blob(), { size, crop: "center-crop" });
    const { data, width, height, channels } = pixels;
    let text = "";
    for (let at = 0; at < data.length; at += channels) text += String.fromCharCode(...data.subarray(at, at + 3));
    results[name] = { width, height, approximate, rgb: btoa(text) };
  } catch (error) {
    results[name] = { kind: error.kind, reason: error.message, advice: error.advice };
  }
}
