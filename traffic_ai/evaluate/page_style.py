"""How the page looks. Colours are those of Okabe and Ito, which the colour-blind tell apart."""

STYLE = """
:root { color-scheme: light dark; --ink:#1c2530; --soft:#5c6b7a; --paper:#f5f7f9; --card:#fff;
 --line:#dde3e9; --blue:#0072b2; --orange:#e69f00; --green:#009e73; --red:#d55e00; --pink:#cc79a7;
 --sky:#56b4e9; --grey:#9aa6b2; }
@media (prefers-color-scheme: dark) { :root { --ink:#e6ebf0; --soft:#9db0c2; --paper:#12181f;
 --card:#1b242e; --line:#2e3a47; --blue:#4aa3df; --grey:#73808d; } }
* { box-sizing: border-box; }
body { margin:0; background:var(--paper); color:var(--ink);
 font:15px/1.45 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width:1240px; margin:0 auto; padding:28px 20px 60px; }
h1 { font-size:24px; margin:0 0 2px; overflow-wrap:anywhere; }
h2 { font-size:15px; margin:0 0 10px; }
.scope { color:var(--soft); margin:0 0 18px; }
section, figure { background:var(--card); border:1px solid var(--line); border-radius:10px;
 padding:16px 18px; margin:0 0 16px; min-width:0; }
.pair { display:grid; grid-template-columns:repeat(auto-fit, minmax(min(100%, 460px), 1fr));
 gap:0 16px; align-items:start; }
figcaption, .words, .note { color:var(--soft); font-size:13px; }
figcaption p, .words p { margin:4px 0 0; }
.note { border-left:3px solid var(--orange); padding-left:10px; margin:8px 0; }
.tiles { display:flex; flex-wrap:wrap; gap:10px; margin-bottom:14px; }
.tiles div { border:1px solid var(--line); border-radius:8px; padding:8px 14px; font-size:13px;
 color:var(--soft); }
.tiles b { display:block; font-size:22px; color:var(--ink); font-weight:650; }
.scroll, .wide figure { overflow-x:auto; }
.wide svg { min-width:720px; }
table { border-collapse:collapse; width:100%; font-size:13px; font-variant-numeric:tabular-nums; }
th { text-align:left; color:var(--soft); font-weight:600; vertical-align:bottom; }
td { white-space:nowrap; }
td:last-child { white-space:normal; min-width:12em; }
th, td { padding:5px 12px 5px 0; border-bottom:1px solid var(--line); }
tbody + tbody tr:first-child td { border-top:1px solid var(--soft); }
tbody:last-child tr:last-child td { border-bottom:0; }
.legend span { margin-right:16px; white-space:nowrap; }
.legend i { display:inline-block; width:11px; height:11px; border-radius:3px; margin-right:6px;
 vertical-align:-1px; background:currentColor; }
svg { width:100%; height:auto; display:block; }
svg text { font-size:12px; fill:var(--soft); font-family:inherit; }
svg .label { fill:var(--ink); }
svg .grid { stroke:var(--line); stroke-width:1; }
svg .zero { stroke:var(--soft); stroke-width:1.2; fill:none; }
svg .allowance { stroke:var(--red); stroke-width:1.2; stroke-dasharray:5 4; fill:none; }
svg .bound { stroke:var(--grey); stroke-width:1; opacity:.7; fill:none; }
svg .band { fill:var(--sky); opacity:.18; }
svg .edge { stroke:var(--sky); stroke-width:1.6; fill:none; }
svg rect { opacity:.82; }
svg .forbidden { fill:var(--red); opacity:.10; }
svg .whisker { stroke-width:3; stroke-linecap:round; opacity:.45; fill:none; }
svg .whisker.recall { stroke:var(--blue); }
svg .whisker.precision { stroke:var(--orange); }
svg circle { opacity:.85; }
.recall, .car { fill:var(--blue); color:var(--blue); }
.precision, .motorcycle { fill:var(--orange); color:var(--orange); }
.truck { fill:var(--green); color:var(--green); }
.bus { fill:var(--pink); color:var(--pink); }
.bicycle { fill:var(--sky); color:var(--sky); }
.person, .other { fill:var(--grey); color:var(--grey); }
.hit { fill:var(--green); color:var(--green); }
.miss { fill:var(--red); color:var(--red); }
.false { fill:var(--pink); color:var(--pink); }
.neither { fill:var(--grey); color:var(--grey); }
@media print { body { background:#fff; } section, figure { break-inside:avoid; } }
"""
