// Where the sun is. Good to a quarter of a degree for this century, which is less than a pixel of the map.

const RAD = Math.PI / 180;

// sun gives the point on earth above which the sun stands at a moment (milliseconds since 1970), in degrees.
export function sun(at) {
  const days = at / 86400000 - 10957.5; // since noon of 1 January 2000, UTC
  const mean = (280.46 + 0.9856474 * days) % 360;
  const anomaly = ((357.528 + 0.9856003 * days) % 360) * RAD;
  const ecliptic = (mean + 1.915 * Math.sin(anomaly) + 0.02 * Math.sin(2 * anomaly)) * RAD;
  const tilt = (23.439 - 0.0000004 * days) * RAD;
  const lat = Math.asin(Math.sin(tilt) * Math.sin(ecliptic)) / RAD;
  const ascension = Math.atan2(Math.cos(tilt) * Math.sin(ecliptic), Math.cos(ecliptic)) / RAD;
  const sidereal = 280.46062 + 360.98564737 * days; // of Greenwich, in degrees
  return { lat, lon: wrap(ascension - sidereal) };
}

// wrap brings a longitude between -180 and 180.
export function wrap(lon) {
  return ((((lon + 180) % 360) + 360) % 360) - 180;
}

// height gives a function for the sun's height above the horizon at a place, in degrees, for one position of the sun.
export function height({ lat, lon }) {
  const sin = Math.sin(lat * RAD);
  const cos = Math.cos(lat * RAD);
  return (placeLat, placeLon) => Math.asin(Math.max(-1, Math.min(1,
    sin * Math.sin(placeLat * RAD) + cos * Math.cos(placeLat * RAD) * Math.cos((placeLon - lon) * RAD)))) / RAD;
}

// terminator gives the line between day and night as [lon, lat] from west to east, a point every two degrees.
export function terminator({ lat, lon }) {
  const tan = Math.tan((Math.abs(lat) < 0.01 ? 0.01 : lat) * RAD);
  const out = [];
  for (let x = -180; x <= 180; x += 2) out.push([x, Math.atan(-Math.cos((x - lon) * RAD) / tan) / RAD]);
  return out;
}
