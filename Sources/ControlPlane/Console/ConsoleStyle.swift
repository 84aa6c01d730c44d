/// How the console looks: calm, dense where figures stand, dark and light as the person's system is.
enum ConsoleStyle {
    static let css = base + frame + parts + pages

    private static let base = """
        :root{color-scheme:light dark;
        --paper:#f7f7f4;--panel:#fff;--ink:#1d2126;--soft:#5a626b;--line:#dfe1e0;--rail:#ecedeb;--accent:#0b6b57;--accent-ink:#fff;--accent-soft:#e3f1ed;
        --good:#1a6b3a;--good-soft:#e4f2e8;--going:#24588f;--going-soft:#e5eef8;--warn:#855000;--warn-soft:#fbefd9;--bad:#a8261d;--bad-soft:#fbe6e3;
        --bar-good:#5fa98a;--bar-going:#7ba7d6;--bar-warn:#e0a94b;--shadow:0 1px 2px rgb(20 25 30/.06)}
        @media (prefers-color-scheme:dark){:root{
        --paper:#13161a;--panel:#1a1e23;--ink:#e7eaed;--soft:#a3adb7;--line:#2e343b;--rail:#262c33;--accent:#62cdb1;--accent-ink:#08231c;--accent-soft:#16342d;
        --good:#77d199;--good-soft:#163022;--going:#8fbdf0;--going-soft:#17293d;--warn:#f1b965;--warn-soft:#372810;--bad:#ff948b;--bad-soft:#3d1b18;
        --bar-good:#3f8f6f;--bar-going:#4d7fb5;--bar-warn:#c28a2c;--shadow:none}}
        *,*::before,*::after{box-sizing:border-box}
        html{-webkit-text-size-adjust:100%;scroll-padding-top:4.5rem}
        body{margin:0;font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;color:var(--ink);background:var(--paper)}
        h1,h2,h3,p,ul,ol,dl,dd,figure{margin:0;padding:0}ul,ol{list-style:none}
        h1{font-size:1.5rem;line-height:1.25;letter-spacing:-.01em;font-weight:650;overflow-wrap:anywhere}
        h2{font-size:1rem;font-weight:650;line-height:1.35;margin-bottom:.75rem}h3{font-size:.95rem;font-weight:650;margin-bottom:.5rem}
        a{color:var(--accent);text-underline-offset:.18em;text-decoration-thickness:1px}a:hover{text-decoration-thickness:2px}
        code{font:.92em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--rail);padding:.08em .35em;border-radius:4px;overflow-wrap:anywhere}
        small,.small{font-size:.85rem}.soft,small{color:var(--soft)}.strong{font-weight:600}.num,td.n,time{font-variant-numeric:tabular-nums}.nowrap{white-space:nowrap}
        .lead{font-size:1.05rem}.big{font-size:1.5rem;font-weight:650;letter-spacing:-.01em;line-height:1.2}.bad-text{color:var(--bad);font-weight:600}
        .sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
        [hidden]{display:none!important}
        :focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:4px}
        main:focus,section:focus{outline:none}
        .skip{position:absolute;left:1rem;top:-4rem;background:var(--accent);color:var(--accent-ink);padding:.5rem 1rem;border-radius:0 0 8px 8px;z-index:9}.skip:focus{top:0}
        label{font-size:.85rem;font-weight:600;display:block;margin-bottom:.25rem}
        input,select,textarea{font:inherit;color:inherit;background:var(--panel);border:1px solid #82898f;border-radius:6px;padding:.45rem .6rem;max-width:100%}
        @media (prefers-color-scheme:dark){input,select,textarea{border-color:#747d86}}
        input[type=checkbox]{width:1.1rem;height:1.1rem;margin:0;accent-color:var(--accent);vertical-align:-.15rem}
        ::placeholder{color:var(--soft);opacity:1}
        button,.button{font:inherit;font-weight:600;display:inline-block;cursor:pointer;color:var(--ink);background:var(--panel);border:1px solid #9aa0a5;border-radius:6px;padding:.45rem .9rem;
        text-decoration:none;line-height:1.35;white-space:nowrap}
        button:hover,.button:hover{border-color:var(--ink)}button.primary,.button.primary{background:var(--accent);border-color:var(--accent);color:var(--accent-ink)}
        button.primary:hover,.button.primary:hover{filter:brightness(1.1)}
        button.small{padding:.15rem .6rem;font-size:.85rem}button.quiet{border-color:transparent;background:none;font-weight:500;color:var(--soft)}button.quiet:hover{color:var(--ink);text-decoration:underline}
        button[aria-busy]{opacity:.6;cursor:progress}

        """

    private static let frame = """
        .top{position:sticky;top:0;z-index:5;display:flex;align-items:center;gap:.25rem 1.5rem;flex-wrap:wrap;background:var(--panel);border-bottom:1px solid var(--line);padding:.5rem max(1rem,calc(50vw - 41rem))}
        .brand{display:flex;align-items:center;gap:.5rem;font-weight:700;color:var(--ink);text-decoration:none;letter-spacing:-.01em}
        .mark .stub{fill:var(--accent-soft);stroke:var(--accent);stroke-width:1.5}.mark .slip{fill:none;stroke:var(--accent);stroke-width:1.5}
        .mark .tear{fill:none;stroke:var(--accent);stroke-width:1.5;stroke-dasharray:1.5 2.5}.mark .tick{fill:none;stroke:var(--accent);stroke-width:2.5;stroke-linecap:round;stroke-linejoin:round}
        .top nav{flex:1}.top nav ul{display:flex;gap:.25rem}
        .top nav a{display:flex;align-items:center;gap:.4rem;padding:.4rem .75rem;border-radius:6px;color:var(--soft);text-decoration:none;font-weight:600}
        .top nav a:hover{color:var(--ink);background:var(--rail)}.top nav a[aria-current]{color:var(--accent);background:var(--accent-soft)}
        .badge{font-size:.75rem;font-weight:700;font-variant-numeric:tabular-nums;padding:0 .4rem;border-radius:9px;line-height:1.45}
        .badge.warn{background:var(--warn-soft);color:var(--warn)}.badge.bad{background:var(--bad-soft);color:var(--bad)}
        .who{display:flex;align-items:center;gap:.75rem;color:var(--soft);font-size:.85rem}.key{max-width:14rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
        .live{display:inline-flex;align-items:center;gap:.35rem;padding:.15rem .5rem;min-height:1.75rem;border:1px solid var(--line);border-radius:.4rem;background:none;color:inherit;font:inherit;cursor:pointer}.live::before{content:"";width:.5rem;height:.5rem;border-radius:50%;background:var(--soft)}.live:empty{display:none}
        .live.on::before{background:var(--bar-good)}.live.off::before{background:var(--bad)}
        main{max-width:84rem;margin:0 auto;padding:1.25rem 1rem 3rem}
        .trail{margin-bottom:.35rem;font-size:.85rem}.trail ol{display:flex;flex-wrap:wrap;gap:.35rem}.trail li+li::before{content:"›";color:var(--soft);margin-right:.35rem}
        .head{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem 1rem;margin-bottom:1.25rem}.head h1{margin-right:auto}
        .tabs ul{display:flex;flex-wrap:wrap;gap:.35rem}.tabs a{display:block;padding:.3rem .7rem;border:1px solid var(--line);background:var(--panel);border-radius:6px;color:var(--ink);text-decoration:none;font-weight:550;font-size:.9rem}
        .tabs a:hover{border-color:var(--accent)}
        .foot{max-width:84rem;margin:0 auto;padding:0 1rem 2rem;color:var(--soft);font-size:.8rem}
        .columns{display:grid;grid-template-columns:minmax(0,1.65fr) minmax(0,1fr);gap:1rem;align-items:start}
        .columns>div,.stack{display:grid;gap:1rem;min-width:0}
        @media (max-width:60rem){.columns{grid-template-columns:minmax(0,1fr)}}
        @media (max-width:40rem){.top{gap:.15rem .75rem;position:static}.top nav{order:3;flex-basis:100%;margin:0 -.5rem;overflow-x:auto}.who{margin-left:auto}.key{display:none}main{padding-top:1rem}h1{font-size:1.3rem}}

        """

    private static let parts = """
        .panel{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:1rem 1.125rem;box-shadow:var(--shadow);min-width:0}.panel+.panel{margin-top:1rem}
        .columns .panel+.panel,.stack .panel+.panel{margin-top:0}.narrow{max-width:44rem}.narrow>*+*{margin-top:.75rem}.empty{text-align:center;padding:3rem 1rem}
        .scroll{overflow-x:auto;border-radius:6px}
        table{border-collapse:collapse;width:100%;font-size:.9rem}caption{text-align:left;font-weight:600;padding-bottom:.4rem}
        th,td{padding:.5rem .65rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}tbody tr:last-child>*{border-bottom:0}
        thead th{font-size:.78rem;font-weight:600;color:var(--soft);white-space:nowrap;vertical-align:bottom;border-bottom-color:var(--line)}thead th a{color:inherit;text-decoration:none}thead th a:hover{color:var(--ink);text-decoration:underline}
        th[aria-sort]{color:var(--ink)}th[aria-sort=ascending] a::after{content:" ↑"}th[aria-sort=descending] a::after{content:" ↓"}
        tbody th{font-weight:550;min-width:8.5rem}tbody th small{font-weight:400;display:block}td.n,th.n{text-align:right}td.n{white-space:nowrap}.zero{color:var(--soft)}td.none{color:var(--soft);padding:1.25rem .65rem}td.wide{min-width:14rem}
        tbody tr:hover{background:color-mix(in srgb,var(--rail) 45%,transparent)}
        #fleet .scroll{background:var(--panel);border:1px solid var(--line);border-radius:10px;box-shadow:var(--shadow)}#fleet td,#fleet th{vertical-align:middle}
        .chip{display:inline-block;font-size:.78rem;font-weight:600;line-height:1.5;padding:.02rem .5rem;border-radius:5px;white-space:nowrap;background:var(--rail);color:var(--soft)}
        .chip.good{background:var(--good-soft);color:var(--good)}.chip.going{background:var(--going-soft);color:var(--going)}.chip.warn{background:var(--warn-soft);color:var(--warn)}.chip.bad{background:var(--bad-soft);color:var(--bad)}
        .message{padding:.6rem .9rem;border-radius:8px;margin-bottom:1rem;border-left:3px solid var(--soft);background:var(--rail)}
        .message.good{background:var(--good-soft);border-color:var(--good)}.message.warn{background:var(--warn-soft);border-color:var(--warn)}.message.bad{background:var(--bad-soft);border-color:var(--bad)}
        .figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;margin-bottom:1.25rem}
        .figures div{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:.75rem 1rem;box-shadow:var(--shadow)}
        .figures dt{font-size:.8rem;color:var(--soft)}.figures dd{font-size:1.6rem;font-weight:650;font-variant-numeric:tabular-nums;letter-spacing:-.015em;line-height:1.25}.figures dd a{color:inherit}
        .figures .warn dd{color:var(--warn)}.figures .bad dd{color:var(--bad)}
        .tools{display:flex;flex-wrap:wrap;gap:.75rem 1.5rem;align-items:end;justify-content:space-between;margin-bottom:.75rem}.tools>p{align-self:center}
        .pills{display:flex;flex-wrap:wrap;gap:.35rem}.pills a{display:block;padding:.25rem .75rem;border-radius:99px;border:1px solid var(--line);background:var(--panel);color:var(--ink);text-decoration:none;font-size:.875rem}
        .pills a[aria-current]{background:var(--accent-soft);border-color:var(--accent);color:var(--accent);font-weight:600}
        .pills a[aria-current] .soft{color:inherit}
        .search{display:flex;align-items:center;gap:.5rem}.search label{margin:0;white-space:nowrap;font-weight:500;color:var(--soft)}.search input{width:14rem}@media (max-width:40rem){.search{flex:1 1 100%}.search input{flex:1;min-width:0}}
        .filters{display:flex;flex-wrap:wrap;gap:.75rem;align-items:end}
        .inline{display:inline}.row{display:flex;flex-wrap:wrap;gap:.35rem .75rem;align-items:baseline;justify-content:space-between}
        .list>li{padding:.45rem 0;border-top:1px solid var(--line)}.list>li:first-child{border-top:0;padding-top:0}.list>li:last-child{padding-bottom:0}.trailing>li{font-size:.875rem;overflow-wrap:anywhere}
        .facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:.85rem 1.25rem}.facts dt{font-size:.8rem;color:var(--soft)}.facts dd{overflow-wrap:anywhere}
        .spark{display:block}.spark polyline{fill:none;stroke:var(--accent);stroke-width:1.5;stroke-linejoin:round}.spark .area{fill:var(--accent-soft)}.spark circle{fill:var(--accent)}
        .meter{vertical-align:middle}.meter .rail{fill:var(--rail)}.meter.good .fill{fill:var(--bar-good)}.meter.warn .fill{fill:var(--bar-warn)}.meter.bad .fill{fill:var(--bad)}
        .chart figcaption{display:flex;flex-wrap:wrap;justify-content:space-between;gap:.35rem 1rem;font-weight:650;margin-bottom:.75rem}.chart svg{display:block;width:100%;height:auto;overflow:visible}
        .chart .grid{stroke:var(--line);stroke-width:1}.chart .axis{fill:var(--soft);font-size:11px;font-variant-numeric:tabular-nums}
        @media (max-width:40rem){.chart .axis{font-size:21px}}
        .keys{display:flex;flex-wrap:wrap;gap:.25rem .9rem;font-weight:400;font-size:.8rem;color:var(--soft)}.keys li{display:flex;align-items:center;gap:.35rem}.swatch{width:.7rem;height:.7rem;border-radius:2px}
        .swatch.good{background:var(--bar-good)}.swatch.going{background:var(--bar-going)}.swatch.warn{background:var(--bar-warn)}
        rect.good{fill:var(--bar-good)}rect.going{fill:var(--bar-going)}rect.warn{fill:var(--bar-warn)}
        details>summary{cursor:pointer;font-weight:600}details>summary+*{margin-top:.75rem}

        """

    private static let pages = """
        .sign-in{min-height:90vh;display:grid;place-items:center}.sign-in .panel{width:min(26rem,100%);padding:2rem}.sign-in h1{margin:.5rem 0 0}.sign-in form{margin:1.5rem 0 1.25rem}
        .sign-in input{width:100%;margin-bottom:.9rem;font-family:ui-monospace,Menlo,Consolas,monospace}.sign-in button{width:100%}
        .steps{display:grid;grid-template-columns:repeat(7,minmax(0,1fr));background:var(--panel);border:1px solid var(--line);border-radius:10px;box-shadow:var(--shadow);margin-bottom:1rem}
        #steps h2{margin-bottom:.5rem}.steps li{padding:.7rem 1rem;border-left:1px solid var(--line);display:grid;position:relative}.steps li:first-child{border-left:0}
        .steps li:not(:last-child)::after{content:"›";position:absolute;right:-.32rem;top:50%;translate:0 -50%;color:var(--soft);background:var(--panel);line-height:1}.step{font-size:.8rem;color:var(--soft)}
        @media (max-width:50rem){.steps{grid-template-columns:repeat(4,minmax(0,1fr))}.steps li{padding:.6rem .7rem;border-top:1px solid var(--line)}.steps li:nth-child(-n+4){border-top:0}.steps li:nth-child(5){border-left:0}.steps li::after{display:none}}
        @media (max-width:30rem){.steps .big{font-size:1.2rem}.steps li{padding:.5rem}.step{font-size:.72rem}}
        .beside{margin:.75rem 0}.causes{display:grid;gap:.75rem}.cause.panel+.cause.panel{margin-top:0}.cause{display:grid;grid-template-columns:5rem minmax(0,1fr) auto;gap:.5rem 1.25rem}.cause .count{display:grid;align-content:start;text-align:right}.cause h2{margin-bottom:.25rem}.cause h2 a{color:inherit}
        .cause .act{display:grid;gap:.4rem;align-content:start;justify-items:end}.places{display:flex;flex-wrap:wrap;gap:.25rem 1rem;margin-top:.5rem;font-size:.9rem}
        @media (max-width:45rem){.cause{grid-template-columns:minmax(0,1fr)}.cause .count{display:flex;gap:.5rem;align-items:baseline}.cause .act{justify-items:start}}
        .bulk{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem .75rem;margin-bottom:.75rem}.check{display:inline-flex;gap:.5rem;align-items:center;margin:0 .5rem 0 .65rem;font-size:.9rem}
        .why{margin-bottom:1rem}.fix{border-color:var(--accent);border-width:2px;margin-bottom:1rem}.fix h2{font-size:1.1rem;margin-bottom:.15rem}.fix form{margin-top:.85rem}
        .choose{display:flex;flex-wrap:wrap;gap:.75rem;align-items:end}.choose>div{min-width:0;max-width:100%}.choose select,.choose input{width:22rem}
        @media (max-width:40rem){.effect thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}.effect tbody tr{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:.15rem .75rem;padding:.6rem 0;border-bottom:1px solid var(--line)}
        .effect tbody tr:last-child{border-bottom:0}.effect tbody tr>*{border:0;padding:0;min-width:0}.effect tbody th,.effect td:nth-child(n+4){grid-column:1/-1}.effect td:nth-child(4):not([colspan])::before{content:"Now "}.effect td:nth-child(5):not(:last-child)::before{content:"Then "}
        .effect td::before{color:var(--soft);font-size:.85rem}}
        .preview{margin-top:1rem;padding-top:1rem;border-top:1px solid var(--line)}.preview .lead{margin-bottom:.5rem}.apply{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center;margin-top:.85rem}
        .flight h2{margin:0}.flight{margin-top:.75rem}#verdict{font-weight:600}
        .track{display:grid;grid-template-columns:repeat(5,1fr);margin:.9rem 0 .8rem}.track li{font-size:.8rem;color:var(--soft);position:relative;padding-top:1rem;text-align:center}
        .track li::before{content:"";position:absolute;top:0;left:50%;width:.8rem;height:.8rem;border-radius:50%;translate:-50% 0;background:var(--panel);border:2px solid #9aa0a5;z-index:1}
        .track li+li::after{content:"";position:absolute;top:.35rem;right:50%;width:100%;height:2px;background:var(--line)}
        .track .done{color:var(--good)}.track .done::before{background:var(--bar-good);border-color:var(--bar-good)}.track li.done::after{background:var(--bar-good)!important}
        .track .now{color:var(--going);font-weight:600}.track .now::before{border-color:var(--going);background:var(--going-soft)}.track li.now::after{background:var(--bar-good)!important}
        @media (prefers-reduced-motion:no-preference){.track .now::before{animation:pulse 1.2s ease-in-out infinite}@keyframes pulse{50%{box-shadow:0 0 0 5px var(--going-soft)}}}
        .sides{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:1rem;align-items:start;margin-bottom:1rem}@media (max-width:60rem){.sides{grid-template-columns:minmax(0,1fr)}}
        .timeline>li{display:grid;grid-template-columns:8.5rem minmax(0,1fr);gap:.75rem;padding:.4rem 0;font-size:.9rem;position:relative}.timeline>li+li{border-top:1px solid var(--line)}
        .explain td small{display:block;color:var(--soft)}.explain tbody th{overflow-wrap:anywhere;min-width:7.5rem}.explain td:nth-child(2){min-width:9rem}.explain td small{overflow-wrap:anywhere}.explain td:last-child{min-width:6.5rem;overflow-wrap:anywhere}
        .editor{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:1rem}@media (max-width:60rem){.editor{grid-template-columns:minmax(0,1fr)}}
        .editor textarea{width:100%;height:26rem;font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;tab-size:2;white-space:pre;overflow:auto;resize:vertical}
        .alert{scroll-margin-top:5rem}.alert .row{margin-bottom:.35rem}.alert h2{margin:0;font-size:1rem}.acts{display:flex;flex-wrap:wrap;gap:.5rem 1.25rem;align-items:end;margin-top:.75rem}.acts form{display:flex;gap:.5rem;align-items:end;flex-wrap:wrap}.acts input[type=text]{width:13rem}
        """
}
