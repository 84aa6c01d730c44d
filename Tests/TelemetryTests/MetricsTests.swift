import Kernel
import Telemetry
import Testing

/// One sample of the text format.
struct Sample: Hashable {
    var name: String
    var labels: [String: String]
    var value: String
}

/// Reads Prometheus' text format, version 0.0.4, strictly; written apart from what writes it.
/// - Source: prometheus.io, "Exposition formats", text-based format.
struct Exposition {
    var samples: [Sample] = []
    var types: [String: String] = [:]
    var helps: [String: String] = [:]
    var mistakes: [String] = []

    init(_ text: String) {
        if !text.isEmpty, !text.utf8.elementsEqual((text.hasSuffix("\n") ? text : "").utf8) {
            mistakes.append("does not end in a line break")
        }
        var series: Set<String> = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: true).map(String.init) {
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            if line.hasPrefix("# HELP ") {
                if helps.updateValue(words.count > 3 ? words[3] : "", forKey: words[2]) != nil {
                    mistakes.append("HELP twice: \(line)")
                }
            } else if line.hasPrefix("# TYPE ") {
                if types.updateValue(words[3], forKey: words[2]) != nil { mistakes.append("TYPE twice: \(line)") }
            } else {
                guard let sample = Self.sample(line) else {
                    mistakes.append("unreadable: \(line)")
                    continue
                }
                let family = ["_bucket", "_sum", "_count"].first {
                    sample.name.hasSuffix($0) && types[String(sample.name.dropLast($0.count))] == "histogram"
                }
                if types[family.map { String(sample.name.dropLast($0.count)) } ?? sample.name] == nil {
                    mistakes.append("no TYPE before: \(line)")
                }
                let key = "\(sample.name) \(sample.labels.sorted { $0.key < $1.key })"
                if !series.insert(key).inserted { mistakes.append("series twice: \(line)") }
                samples.append(sample)
            }
        }
    }

    static func sample(_ line: String) -> Sample? {
        var rest = Array(line.unicodeScalars)[...]
        func word() -> String {
            let part = rest.prefix {
                ($0.value >= 97 && $0.value <= 122) || ($0.value >= 65 && $0.value <= 90)
                    || ($0.value >= 48 && $0.value <= 57) || $0 == "_" || $0 == ":"
            }
            rest = rest.dropFirst(part.count)
            var out = ""
            out.unicodeScalars.append(contentsOf: part)
            return out
        }
        let name = word()
        var labels: [String: String] = [:]
        if rest.first == "{" {
            rest = rest.dropFirst()
            while rest.first != "}" {
                let label = word()
                guard !label.isEmpty, rest.starts(with: "=\"".unicodeScalars) else { return nil }
                rest = rest.dropFirst(2)
                var value = ""
                while let next = rest.first, next != "\"" {
                    rest = rest.dropFirst()
                    guard next == "\\" else {
                        value.unicodeScalars.append(next)
                        continue
                    }
                    guard let escaped = rest.popFirst(), ["\\", "\"", "n"].contains(escaped) else { return nil }
                    value.unicodeScalars.append(escaped == "n" ? "\n" : escaped)
                }
                guard rest.popFirst() == "\"", labels.updateValue(value, forKey: label) == nil else { return nil }
                if rest.first == "," { rest = rest.dropFirst() } else if rest.first != "}" { return nil }
            }
            rest = rest.dropFirst()
        }
        guard !name.isEmpty, rest.popFirst() == " " else { return nil }
        var value = ""
        value.unicodeScalars.append(contentsOf: rest)
        guard Double(value) != nil else { return nil }
        return Sample(name: name, labels: labels, value: value)
    }

    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        samples.first { $0.name == name && $0.labels == labels }.flatMap { Double($0.value) }
    }
}

@Suite("Metrics")
struct MetricsTests {
    @Test("counters add up by label set, gauges keep the last, and each family is headed once")
    func basics() {
        let metrics = Metrics()
        metrics.count(.webhooks, ("platform", "shopify"), ("result", "accepted"))
        metrics.count(.webhooks, ("platform", "shopify"), ("result", "accepted"), by: 2)
        metrics.count(.webhooks, ("platform", "shopify"), ("result", "refused"))
        metrics.count(.leases)
        metrics.set(.workers, to: 7)
        metrics.set(.workers, to: 3)
        let read = Exposition(metrics.rendered())
        #expect(read.mistakes.isEmpty)
        #expect(read.value("counterfoil_webhooks_total", ["platform": "shopify", "result": "accepted"]) == 3)
        #expect(read.value("counterfoil_webhooks_total", ["platform": "shopify", "result": "refused"]) == 1)
        #expect(read.value("counterfoil_lease_takeovers_total") == 1 && read.value("counterfoil_workers") == 3)
        #expect(
            read.types == [
                "counterfoil_webhooks_total": "counter", "counterfoil_lease_takeovers_total": "counter",
                "counterfoil_workers": "gauge",
            ])
        #expect(Set(read.helps.keys) == Set(read.types.keys))
    }

    @Test("nothing counted, nothing said")
    func empty() { #expect(Metrics().rendered().isEmpty) }

    @Test(
        "a label's value comes back through any reader of the format",
        arguments: ["", "\"", "\\", "\\n", "a\nb", "\\\"\n\\", "é", "👩‍👩‍👧‍👦", "}", "} 5", "a,b=\"c\"", "#", " x "])
    func labels(value: String) {
        let metrics = Metrics()
        metrics.count(.events, ("result", value))
        metrics.observe(.callSeconds, ("platform", value), seconds: 1)
        let read = Exposition(metrics.rendered())
        #expect(read.mistakes.isEmpty)
        #expect(read.value("counterfoil_events_total", ["result": value]) == 1)
        #expect(read.value("counterfoil_platform_call_seconds_count", ["platform": value]) == 1)
    }

    @Test("other control characters are left out of labels")
    func controls() {
        let metrics = Metrics()
        metrics.count(.events, ("result", "a\u{0}\r\u{1b}b\u{7f}"))
        #expect(Exposition(metrics.rendered()).value("counterfoil_events_total", ["result": "ab"]) == 1)
    }

    @Test(
        "names and helps keep to the format: counters end in _total, helps are one plain line",
        arguments: Metrics.Name.allCases)
    func names(name: Metrics.Name) {
        let metrics = Metrics()
        metrics.count(name, by: 1)
        metrics.observe(name, seconds: 1)
        let read = Exposition(metrics.rendered())
        let type = read.types[name.rawValue]
        #expect((type == "counter") == name.rawValue.hasSuffix("_total"))
        // Gauges of time say their unit, too.
        #expect(type == "gauge" || (type == "histogram") == name.rawValue.hasSuffix("_seconds"))
        #expect(name.rawValue.hasPrefix("counterfoil_"))
        let help = read.helps[name.rawValue] ?? ""
        #expect(help.hasSuffix(".") && !help.contains("\\") && !help.contains("\n"))
    }

    @Test(
        "a histogram's buckets only grow, end at +Inf with the count, and hold what was observed",
        arguments: UInt64(1) ... 40)
    func histograms(seed: UInt64) throws {
        let chance = SeededRandom(seed: seed)
        let metrics = Metrics()
        var observed: [Double] = []
        for _ in 0 ..< Int(chance.number(below: 60)) + 1 {
            let seconds = Double(chance.number(below: 60_000)) / Double(1 + chance.number(below: 5_000))
            observed.append(seconds)
            metrics.observe(.httpSeconds, ("route", "/v1"), seconds: seconds)
        }
        let read = Exposition(metrics.rendered())
        #expect(read.mistakes.isEmpty)
        let buckets = read.samples.filter { $0.name.hasSuffix("_bucket") }
        var (last, bound): (Double, Double) = (0, -1)
        for bucket in buckets {
            let le = try #require(bucket.labels["le"])
            let (here, limit) = (
                try #require(Double(bucket.value)), le == "+Inf" ? Double.infinity : try #require(Double(le))
            )
            #expect(here >= last && limit > bound, "seed \(seed)")
            #expect(here == Double(observed.filter { $0 <= limit }.count), "seed \(seed): le \(le)")
            #expect(bucket.labels["route"] == "/v1")
            (last, bound) = (here, limit)
        }
        #expect(buckets.last?.labels["le"] == "+Inf" && last == Double(observed.count))
        #expect(read.value("counterfoil_http_request_seconds_count", ["route": "/v1"]) == Double(observed.count))
        let sum = try #require(read.value("counterfoil_http_request_seconds_sum", ["route": "/v1"]))
        #expect(abs(sum - observed.reduce(0, +)) < 1e-6 * max(1, sum))
    }

    @Test("on a bound is within it; what is not finite is not observed, below zero is zero")
    func bounds() {
        let metrics = Metrics()
        metrics.observe(.callSeconds, seconds: 0.001)
        for odd in [Double.nan, .infinity, -.infinity] { metrics.observe(.callSeconds, seconds: odd) }
        metrics.observe(.callSeconds, seconds: -3)
        let read = Exposition(metrics.rendered())
        #expect(read.value("counterfoil_platform_call_seconds_bucket", ["le": "0.001"]) == 2)
        #expect(read.value("counterfoil_platform_call_seconds_count") == 2)
        #expect(read.value("counterfoil_platform_call_seconds_sum") == 0.001)
    }

    @Test("a counter never goes down, whatever is added")
    func monotonic() {
        let metrics = Metrics()
        var last = 0.0
        for amount in [1, -5, .nan, .infinity, 0, 2.5, -.infinity, 1e15, -1e15] as [Double] {
            metrics.count(.calls, ("platform", "x"), by: amount)
            let now = Exposition(metrics.rendered()).value("counterfoil_platform_calls_total", ["platform": "x"]) ?? 0
            #expect(now >= last && now.isFinite)
            last = now
        }
        #expect(last == 1_000_000_000_000_003.5)
    }

    @Test("the text is the same whatever the order of counting", arguments: UInt64(1) ... 20)
    func order(seed: UInt64) {
        let chance = SeededRandom(seed: seed)
        var events: [(Metrics.Name, String)] = []
        for _ in 0 ..< 60 {
            events.append(
                (
                    Metrics.Name.allCases[Int(chance.number(below: UInt64(Metrics.Name.allCases.count)))],
                    "v\(chance.number(below: 9))"
                ))
        }
        func text(_ events: [(Metrics.Name, String)]) -> String {
            let metrics = Metrics()
            for (name, label) in events {
                if name.rawValue.hasSuffix("_seconds") {
                    metrics.observe(name, ("l", label), seconds: 1)
                } else {
                    metrics.count(name, ("l", label))
                }
            }
            return metrics.rendered()
        }
        #expect(text(events) == text(events.reversed()), "seed \(seed)")
        // The samples of a family stand together.
        var families: [String] = []
        for sample in Exposition(text(events)).samples
        where !sample.name.contains("_seconds") && families.last != sample.name { families.append(sample.name) }
        #expect(Set(families).count == families.count, "seed \(seed)")
    }

    // MARK: From child to parent

    @Test("a child's counts arrive once: drained, they are gone; absorbed, they add up with the parent's own")
    func drain() {
        let (child, parent) = (Metrics(), Metrics())
        child.count(.calls, ("platform", "xero"), ("verdict", "accepted"), by: 3)
        child.count(.leases)
        child.set(.workers, to: 5)
        parent.count(.calls, ("platform", "xero"), ("verdict", "accepted"))
        let lines = child.drainCounters()
        #expect(
            lines == [
                #"counterfoil_lease_takeovers_total{} 1.0"#,
                #"counterfoil_platform_calls_total{platform="xero",verdict="accepted"} 3.0"#,
            ])
        #expect(child.drainCounters().isEmpty)
        for line in lines { parent.absorb(line) }
        let read = Exposition(parent.rendered())
        #expect(read.mistakes.isEmpty)
        #expect(read.value("counterfoil_platform_calls_total", ["platform": "xero", "verdict": "accepted"]) == 4)
        #expect(read.value("counterfoil_lease_takeovers_total") == 1 && read.value("counterfoil_workers") == nil)
        #expect(Exposition(child.rendered()).value("counterfoil_workers") == 5, "gauges stay the child's")
    }

    @Test("many children in any order come to the same sums as one process", arguments: UInt64(1) ... 25)
    func merge(seed: UInt64) {
        let chance = SeededRandom(seed: seed)
        let (whole, parent) = (Metrics(), Metrics())
        let children = (0 ..< 4).map { _ in Metrics() }
        var drained: [String] = []
        for _ in 0 ..< 80 {
            let label = ["a", "b\"", "c\\", "d\n"][Int(chance.number(below: 4))]
            let amount = Double(chance.number(below: 5))
            let child = children[Int(chance.number(below: 4))]
            for metrics in [whole, child] { metrics.count(.postings, ("state", label), by: amount) }
            if chance.number(below: 6) == 0 { drained += child.drainCounters() }
        }
        drained += children.flatMap { $0.drainCounters() }
        drained.sort { _, _ in chance.number(below: 2) == 0 }
        for line in drained { parent.absorb(line) }
        let (a, b) = (Exposition(whole.rendered()), Exposition(parent.rendered()))
        #expect(b.mistakes.isEmpty, "seed \(seed)")
        #expect(Set(a.samples.filter { $0.value != "0" }) == Set(b.samples), "seed \(seed)")
    }

    @Test(
        "a child that lies adds nothing",
        arguments: [
            "", "{", "}{", "counterfoil_workers{} 1", "counterfoil_http_request_seconds{} 1", "unknown_total{} 1",
            "counterfoil_events_total{} -1",
            "counterfoil_events_total{} nan", "counterfoil_events_total{} inf", "counterfoil_events_total{} x",
            "counterfoil_events_total{}", "counterfoil_events_total 1",
            #"counterfoil_events_total{a="b"# + "\n" + #"forged 1"} 1"#, #"counterfoil_events_total{a="b"c="d"} 1"#,
            #"counterfoil_events_total{a="b",} 1"#,
            #"counterfoil_events_total{a="\x"} 1"#, #"counterfoil_events_total{a="b",a="c"} 1"#,
            #"counterfoil_events_total{a=b} 1"#, #"counterfoil_events_total{A="b"} 1"#,
            "counterfoil_events_total{a=\"" + String(repeating: "x", count: 1_001) + "\"} 1",
            #"counterfoil_events_total{a="b"}} 1"#, #"counterfoil_events_total{="b"} 1"#,
            #"counterfoil_events_total{a="b\"} 1"#,
        ])
    func lies(line: String) {
        let metrics = Metrics()
        metrics.absorb(line)
        #expect(metrics.rendered().isEmpty)
    }

    @Test("a child can't drive a counter beyond all numbers")
    func overflow() {
        let metrics = Metrics()
        for _ in 0 ..< 3 { metrics.absorb("counterfoil_events_total{} 1e308") }
        #expect(Exposition(metrics.rendered()).value("counterfoil_events_total") == 1e308)
    }

    @Test("any line at all leaves a text that can be read", arguments: UInt64(1) ... 60)
    func fuzz(seed: UInt64) {
        let chance = SeededRandom(seed: seed)
        let metrics = Metrics()
        let good = Array(#"counterfoil_platform_calls_total{platform="xe\"ro",verdict="a\\b\n"} 3.0"#.utf8)
        for _ in 0 ..< 60 {
            var bytes = good
            for _ in 0 ..< Int(chance.number(below: 4)) {
                let at = Int(chance.number(below: UInt64(bytes.count)))
                if chance.number(below: 2) == 0 {
                    bytes[at] = Array("{}\",=\\n 1\n\u{301}e".utf8)[Int(chance.number(below: 13))]
                } else {
                    bytes.remove(at: at)
                }
            }
            metrics.absorb(String(decoding: bytes, as: UTF8.self))
        }
        #expect(
            Exposition(metrics.rendered()).mistakes.isEmpty, "seed \(seed): \(Exposition(metrics.rendered()).mistakes)")
    }

    @Test("label sets are bounded: beyond the bound new ones are left out and old ones go on")
    func bounded() {
        let metrics = Metrics()
        for n in 0 ..< 2_100 { metrics.observe(.callSeconds, ("platform", "p\(n)"), seconds: 1) }
        metrics.observe(.callSeconds, ("platform", "p0"), seconds: 1)
        let counts = metrics.rendered().split(separator: "\n").filter {
            $0.utf8.starts(with: "counterfoil_platform_call_seconds_count".utf8)
        }
        #expect(counts.count == 2_000)
        #expect(counts.first == #"counterfoil_platform_call_seconds_count{platform="p0"} 2"#)
    }

    @Test("counting from many tasks loses nothing")
    func together() async {
        let metrics = Metrics()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0 ..< 8 { group.addTask { for _ in 0 ..< 500 { metrics.count(.documents, ("result", "kept")) } } }
        }
        #expect(Exposition(metrics.rendered()).value("counterfoil_documents_total", ["result": "kept"]) == 4_000)
    }

    @Test("a tally and a name with labels count the same series, which is not there before it counts")
    func tallies() {
        let metrics = Metrics()
        let calls = metrics.tally(.calls, ("platform", "shop"))
        let seconds = metrics.tally(.callSeconds, ("platform", "shop"))
        #expect(metrics.rendered().isEmpty)
        metrics.count(calls)
        metrics.count(.calls, ("platform", "shop"), by: 2)
        metrics.observe(seconds, seconds: 0.5)
        metrics.observe(seconds, seconds: .nan)
        metrics.observe(seconds, seconds: -1)
        metrics.observe(.callSeconds, ("platform", "shop"), seconds: 0.25)
        for _ in 0 ..< 2 {
            let shown = Exposition(metrics.rendered())
            #expect(shown.mistakes.isEmpty)
            #expect(shown.value("counterfoil_platform_calls_total", ["platform": "shop"]) == 3)
            #expect(shown.value("counterfoil_platform_call_seconds_count", ["platform": "shop"]) == 3)
            #expect(shown.value("counterfoil_platform_call_seconds_sum", ["platform": "shop"]) == 0.75)
        }
        #expect(metrics.drainCounters() == [#"counterfoil_platform_calls_total{platform="shop"} 3.0"#])
        metrics.count(calls)
        #expect(metrics.drainCounters() == [#"counterfoil_platform_calls_total{platform="shop"} 1.0"#])
    }
}
