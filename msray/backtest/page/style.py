"""How a report looks: light or dark as the reader's system is, on paper light."""

STYLE = """
:root{--back:#fff;--panel:#f5f6f8;--text:#1b1f24;--muted:#59636e;--grid:#e4e7eb;--axis:#9aa3ad;
--own:#0067a8;--rival:#a8480a;--gain:#00765a;--loss:#b83a00;--slow:#6d55a5;--other:#7a5c00;--price:#45505c;--soft:.16}
@media screen and (prefers-color-scheme:dark){:root{--back:#0f1317;--panel:#181d23;--text:#e4e7ea;--muted:#9da7b1;
--grid:#262d35;--axis:#5d6873;--own:#66b8f0;--rival:#f0a060;--gain:#48c9a0;--loss:#ff8f66;--slow:#b9a3f0;
--other:#e0c050;--price:#a9b4bf;--soft:.24}}
:root{color-scheme:light dark}
*{box-sizing:border-box}
body{margin:0 auto;max-width:66rem;padding:1.5rem 1.25rem 4rem;background:var(--back);color:var(--text);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;font-variant-numeric:tabular-nums}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2.75rem 0 .5rem;padding-bottom:.3rem;border-bottom:1px solid var(--grid)}
h3{font-size:1rem;margin:1.5rem 0 .25rem;overflow-wrap:anywhere}
p{margin:.4rem 0;max-width:46rem}
a{color:var(--own)}
p.muted,figcaption,.note{color:var(--muted);font-size:.87rem}
.verdict{font-size:1.2rem;line-height:1.4;font-weight:600;margin:1rem 0 1.25rem;padding:.8rem 1rem;max-width:none;
background:var(--panel);border-left:4px solid var(--own)}
nav{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;margin:1rem 0;font-size:.9rem}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(14.5rem,1fr));gap:.75rem;margin:0}
.cards>div{background:var(--panel);padding:.7rem .9rem;border-radius:4px}
.cards dt{color:var(--muted);font-size:.87rem}
.cards dd{margin:0}
.cards dd.value{font-size:1.45rem;line-height:1.35;font-weight:600}
.cards dd.beside{font-size:.84rem;line-height:1.45}
.undefined{color:var(--muted);font-style:italic;font-weight:400}
.value .undefined{display:block;font-size:.95rem;padding:.3rem 0}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(22rem,100%),1fr));gap:1rem 2rem;align-items:start}
figure{margin:.75rem 0 1.25rem}
figcaption{margin:.25rem 0 0;max-width:46rem}
svg{display:block;width:100%;height:auto}
.narrow{display:none}
.scroll{overflow-x:auto;margin:.75rem 0 1.25rem}
table{border-collapse:collapse;font-size:.9rem;min-width:50%}
caption{text-align:left;color:var(--muted);font-size:.87rem;padding-bottom:.3rem}
th,td{padding:.28rem .55rem;border-bottom:1px solid var(--grid);font-weight:400;vertical-align:baseline}
th:first-child,td:first-child{padding-left:0}
thead th{color:var(--muted);vertical-align:bottom}
.number{text-align:right}.text{text-align:left}th,td{white-space:nowrap}td.long{white-space:normal;min-width:16rem}
.pair th,.pair td{padding-left:.4rem;padding-right:.4rem}
.legend{display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;font-size:.84rem;color:var(--muted);max-width:none}
.legend span{display:inline-flex;align-items:center;gap:.3rem}.legend svg{width:26px;height:16px}
text{font-size:12px;fill:var(--muted);paint-order:stroke;stroke:var(--back);stroke-width:3px;stroke-linejoin:round}
.middle{text-anchor:middle}.end{text-anchor:end}.start{text-anchor:start}
.grid{stroke:var(--grid)}path.axis{stroke:var(--axis);fill:none}
.line{fill:none;stroke:currentColor;stroke-width:1.4;stroke-linejoin:round}
.rule{stroke:currentColor;stroke-dasharray:4 3;fill:none}
.area{fill:currentColor;fill-opacity:var(--soft)}.bar{fill:currentColor;fill-opacity:.55;stroke:currentColor}
.band{stroke-width:7;stroke-opacity:.35}
.own,.bid{color:var(--own)}.rival,.ask{color:var(--rival)}.gain,.profit{color:var(--gain)}.loss,.stop{color:var(--loss)}
.timeout{color:var(--slow)}.other{color:var(--other)}.price{color:var(--price)}.muted{color:var(--muted)}
.axis{color:var(--axis)}
text.own,text.rival,text.gain,text.loss{fill:currentColor}
.way{stroke-opacity:.7}.short{stroke-dasharray:3 3}
.hollow{fill:var(--back);stroke:currentColor;stroke-width:1.6}.solid{fill:currentColor;stroke:var(--back)}
.print{stroke:var(--text);stroke-opacity:.75;fill:none}.sold{fill:var(--text);fill-opacity:.35}
.ours.way{stroke-width:2.2;stroke-opacity:1}.ours.hollow{stroke-width:2.5}.ours.solid{stroke-width:1.5}
text.ours{fill:var(--text);font-weight:600}
.signal{fill:var(--text);stroke:var(--back)}
.gap{fill:var(--axis);fill-opacity:.3}
.train,.learned{fill:var(--own);fill-opacity:.55}.test,.applied{fill:var(--rival)}.purged,.delayed{fill:var(--slow)}
.embargoed{fill:var(--gain)}.held_out{fill:var(--loss)}.traded{fill:var(--text)}
.unused,.unlearned{fill:var(--axis)}
image{image-rendering:pixelated}
footer{margin-top:3rem;color:var(--muted);font-size:.84rem}
@media screen and (max-width:40rem){body{padding:1rem .8rem 3rem}.wide{display:none}.narrow{display:block}
.cards{grid-template-columns:1fr 1fr}.cards>div{padding:.55rem .65rem}.cards dd.value{font-size:1.2rem}}
@media screen and (max-width:22rem){.cards{grid-template-columns:1fr}}
@media print{
body{max-width:none;padding:0;font-size:12px}th,td,td.long{white-space:normal;padding:.2rem .35rem}table{font-size:10px}
nav{display:none}figure,.cards>div,tr{break-inside:avoid}
h2,h3{break-after:avoid}.scroll{overflow:visible}.verdict,.cards>div{border:1px solid var(--grid)}}
"""
