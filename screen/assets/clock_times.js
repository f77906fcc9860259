// @ts-check
"use strict";

/**
 * Times in the chosen zone, UTC or the browser's. Texts arrive with times spelled "2026-09-22 03:07:45 UTC", or in
 * `<time datetime>`; here they are brought to the zone. Pure, tested by `node --test`.
 */
const PairbridgeTimes = (() => {
  const STAMP = /(\d{4}-\d\d-\d\d) (\d\d:\d\d)(:\d\d)?/;
  const SPELLED = new RegExp(`${STAMP.source}(?: to ${STAMP.source})? UTC`, "g");
  let zone = "UTC";
  let format = formatOf(zone);

  function formatOf(name) {
    return new Intl.DateTimeFormat("en-GB", {
      timeZone: name, hourCycle: "h23", timeZoneName: "short", year: "numeric", month: "2-digit", day: "2-digit",
      hour: "2-digit", minute: "2-digit", second: "2-digit",
    });
  }

  /** From now on times are of this zone, such as Europe/Berlin. */
  function use(name) {
    zone = name;
    format = formatOf(name);
  }

  /** The browser's own zone. */
  const own = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

  function partsOf(ms) {
    return Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
  }

  /** Without the zone, to the second: 2026-09-22 03:07:45. */
  function stamp(ms) {
    const { year, month, day, hour, minute, second } = partsOf(ms);
    return `${year}-${month}-${day} ${hour}:${minute}:${second}`;
  }

  /** The zone's short name at a time: UTC, CEST, GMT+5:30. */
  const zoneAt = (ms) => partsOf(ms).timeZoneName;

  const text = (ms) => `${stamp(ms)} ${zoneAt(ms)}`;

  /** The ms that a plot without zones shows as the zone's own date and time. */
  const shifted = (ms) => Date.parse(`${stamp(ms).replace(" ", "T")}Z`) + (ms % 1000);

  function localStamp(date, minute, second) {
    const found = stamp(Date.parse(`${date}T${minute}${second ?? ":00"}Z`));
    return second ? found : found.slice(0, -3);
  }

  /** A text with its spelled times in the zone. */
  function localised(words) {
    if (zone === "UTC") return words;
    return words.replace(SPELLED, (_, date, minute, second, endDate, endMinute, endSecond) => {
      const end = endDate ? ` to ${localStamp(endDate, endMinute, endSecond)}` : "";
      const name = zoneAt(Date.parse(`${endDate ?? date}T${endMinute ?? minute}Z`));
      return `${localStamp(date, minute, second)}${end} ${name}`;
    });
  }

  /** The mark of a time axis: its `kind` is the library's, 0 year, 1 month, 2 day, 3 time, 4 time with seconds. */
  function tick(seconds, kind) {
    const moment = stamp(seconds * 1000);
    const [date, time] = moment.split(" ");
    if (kind === 4) return time;
    if (kind === 3) return time.slice(0, 5);
    if (time !== "00:00:00") return `${date.slice(5)} ${time.slice(0, 5)}`; // a day of UTC begins within one of the zone
    return [date.slice(0, 4), date.slice(0, 7), date.slice(5)][kind];
  }

  return { use, own, stamp, text, zoneAt, shifted, localised, tick, zone: () => zone };
})();

if (typeof module !== "undefined") module.exports = PairbridgeTimes;
