import Kernel
import Telemetry
import Testing
import Wire

/// Keeps what a log writes.
final class Lines: Sendable {
    private let kept = Locked<[[UInt8]]>([])
    var all: [[UInt8]] { kept.with { $0 } }
    var text: String { String(decoding: all.joined(), as: UTF8.self) }

    func log(_ component: String = "worker", least: Log.Level = .info, _ fields: [(String, String)] = []) -> Log {
        Log(component: component, least: least, clocks: ManualClocks(Timestamp(seconds: 1_794_700_800)), fields: fields)
        { [kept] line in kept.with { $0.append(line) } }
    }

    /// The one line, read strictly: repeated keys are refused.
    func one() throws -> JSON {
        let line = try #require(all.first)
        #expect(all.count == 1 && line.last == 10 && !line.dropLast().contains { $0 < 32 })
        return try JSON(parsing: Array(line.dropLast()))
    }
}

struct Token: Sendable {
    var name: String
    var value: Secret
}

@Suite("Log lines")
struct LogTests {
    @Test("a line is one JSON object that says when, how grave, who and what")
    func shape() throws {
        let lines = Lines()
        lines.log("schedule").with(("tenant", "t-1")).warning(.jobFailed, ("attempt", "3"))
        #expect(
            lines.text
                == #"{"at":"2026-11-15T00:00:00Z","level":"warning","component":"schedule","event":"job_failed","tenant":"t-1","attempt":"3"}"#
                + "\n")
    }

    @Test(
        "whatever a value holds, it stays one line of JSON and comes back whole",
        arguments: [
            "", "plain", "\"", "\\", "\\\"", "a\nb", "a\r\nb", "\t", "\u{0}", "\u{1b}[31mred", "\u{7f}", "\u{85}",
            "\u{9b}31m", "\u{2028}x\u{2029}", "é", "e\u{301}",
            "👩‍👩‍👧‍👦", "\u{feff}", "\",\"level\":\"error", "}\n{\"at\":1}", "\u{10ffff}", "\u{fffd}",
        ])
    func hostile(value: String) throws {
        for (component, name) in [("worker", "v"), (value, "v"), ("worker", "n" + value)] {
            let lines = Lines()
            lines.log(component).info(.started, (name, value))
            let read = try lines.one()
            #expect(
                read[name]?.string == value && read["component"]?.string == component && read["level"]?.string == "info"
            )
            // No reader takes any of these for the end of a line or for a command to a terminal.
            let bad = lines.text.dropLast().unicodeScalars.contains {
                (0x7f ... 0x9f).contains($0.value) || [0x2028, 0x2029].contains($0.value) || $0.value < 32
            }
            #expect(!bad)
        }
    }

    @Test("bytes that are not UTF-8 are replaced, not passed on")
    func invalid() throws {
        let broken: [[UInt8]] = [
            [0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80], [0x41, 0xc0, 0x80, 0x42],
        ]
        for bytes in broken {
            let lines = Lines()
            lines.log().info(.started, ("v", String(decoding: bytes, as: UTF8.self)))
            #expect(try lines.one()["v"]?.string?.contains("\u{fffd}") == true)
            #expect(String(validating: lines.all[0], as: UTF8.self) != nil)
        }
    }

    @Test("any scalar at all is written so that it can be read")
    func everyScalar() throws {
        var text = ""
        for value in UInt32(0) ... 0x3000 {
            if let scalar = Unicode.Scalar(value) { text.unicodeScalars.append(scalar) }
        }
        let scalars = Array(text.unicodeScalars)
        for start in stride(from: 0, to: scalars.count, by: 4_096) {
            var part = ""
            part.unicodeScalars.append(contentsOf: scalars[start ..< min(scalars.count, start + 4_096)])
            let lines = Lines()
            lines.log().info(.started, ("v", part))
            #expect(try lines.one()["v"]?.string.map { Array($0.utf8) } == Array(part.utf8))
        }
    }

    @Test("a value too long is cut and says so")
    func long() throws {
        let lines = Lines()
        lines.log().info(.started, ("v", String(repeating: "\u{1}", count: 100_000)))
        let value = try lines.one()["v"]?.string
        #expect(value?.unicodeScalars.count == 8_193 && value?.last == "…")
    }

    @Test("a name given twice counts once, the last; the line's own names can't be taken")
    func names() throws {
        let lines = Lines()
        lines.log("worker", [("tenant", "a"), ("level", "x")]).error(
            .failed, ("tenant", "b"), ("event", "y"), ("at", "z"), ("component", "c"))
        let read = try lines.one()
        #expect(
            read["tenant"]?.string == "b" && read["level"]?.string == "error" && read["event"]?.string == "failed"
                && read["component"]?.string == "worker")
        #expect(
            read["field_level"]?.string == "x" && read["field_event"]?.string == "y" && read["field_at"]?.string == "z")
        #expect(
            read.object?.map(\.key) == [
                "at", "level", "component", "event", "tenant", "field_level", "field_event", "field_at",
                "field_component",
            ])
    }

    @Test("what is below the least level is not written")
    func levels() {
        for (least, expected) in [(Log.Level.debug, 4), (.info, 3), (.warning, 2), (.error, 1)] {
            let lines = Lines()
            let log = lines.log(least: least)
            log.debug(.started)
            log.info(.started)
            log.warning(.started)
            log.error(.started)
            #expect(lines.all.count == expected)
        }
        let lines = Lines()
        Log(component: "c") { _ in Issue.record("debug is off unless asked for") }.debug(.started)
        #expect(lines.all.isEmpty)
    }

    @Test(
        "a fault's disposition decides its level; its code can be searched for", arguments: Fault.Disposition.allCases)
    func faults(disposition: Fault.Disposition) throws {
        let lines = Lines()
        lines.log(least: .debug).fault(
            .jobFailed,
            Fault("no_rate", stage: .map, disposition: disposition, summary: "there is \"none\"", underlying: "a\nb"),
            ("code", "forged"))
        let read = try lines.one()
        let level =
            switch disposition {
            case .retry, .wait: "info"
            case .hold, .reject, .reauthorise: "warning"
            case .bug: "error"
            }
        #expect(read["level"]?.string == level && read["fault"]?.string == "map/no_rate: there is \"none\": a\nb")
        #expect(read["code"]?.string == "forged", "the caller's word is the last")
    }

    @Test("more fields are the copy's, not the original's")
    func copies() {
        let lines = Lines()
        let log = lines.log()
        _ = log.with(("a", "b"))
        #expect(log.fields.isEmpty)
    }

    @Test("a secret is never printed, whichever way it is put into words")
    func secrets() {
        let marker = "s3cr3t-marker"
        let secret = Secret(marker)
        var dumped = ""
        dump(["k": Token(name: "n", value: secret)], to: &dumped)
        let texts: [String] = [
            "\(secret)", String(describing: secret), String(reflecting: secret), secret.description,
            secret.debugDescription, "\([secret])",
            "\(Token(name: "n", value: secret))", String(reflecting: Token(name: "n", value: secret)),
            "\(Optional(secret).debugDescription)", dumped,
            "\(Mirror(reflecting: secret).children.map { $0.value })", "\((secret, 1))", "\(["k": secret])",
        ]
        let lines = Lines()
        for text in texts { lines.log().info(.refreshed, ("token", text)) }
        #expect(lines.all.count == texts.count)
        #expect(!lines.text.contains(marker) && !lines.text.contains("s3cr3t"))
        // Nor as the list of its bytes.
        #expect(!lines.text.contains(Array(marker.utf8).map(String.init).joined(separator: ", ")))
        #expect(secret.revealText() == marker)
    }

    @Test("every event has its own snake_case word")
    func words() {
        #expect(Set(Event.allCases.map(\.rawValue)).count == Event.allCases.count)
        for event in Event.allCases { #expect(event.rawValue.allSatisfy { $0.isLowercase || $0 == "_" }, "\(event)") }
    }

    @Test("lines written at once do not mix")
    func together() async throws {
        let lines = Lines()
        let log = lines.log()
        await withTaskGroup(of: Void.self) { group in
            for task in 0 ..< 8 { group.addTask { for n in 0 ..< 50 { log.info(.stepDone, ("n", "\(task)-\(n)")) } } }
        }
        var seen: Set<String> = []
        for line in lines.all { seen.insert(try #require(try JSON(parsing: Array(line.dropLast()))["n"]?.string)) }
        #expect(seen.count == 400)
    }
}
