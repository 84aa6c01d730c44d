public import Kernel
internal import Glibc

/// Structured logs: one JSON object a line on standard error, written with one `write(2)`. Never a secret: values are texts of
/// identifiers, counts and faults' safe descriptions.
public struct Log: Sendable {
    public enum Level: Int, Sendable, Comparable {
        case debug, info, warning, error
        public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
        var text: String { ["debug", "info", "warning", "error"][rawValue] }
    }

    /// The process's part: `schedule`, `worker`.
    public var component: String
    public var fields: [(String, String)]
    public var least: Level
    private let clocks: any Clocks
    private let sink: @Sendable ([UInt8]) -> Void

    public init(
        component: String, least: Level = .info, clocks: any Clocks = SystemClocks(), fields: [(String, String)] = [],
        sink: @escaping @Sendable ([UInt8]) -> Void = Log.standardError
    ) {
        self.component = component
        self.least = least
        self.clocks = clocks
        self.fields = fields
        self.sink = sink
    }

    /// The same log with more fields on every line.
    public func with(_ more: (String, String)...) -> Log {
        var out = self
        out.fields += more
        return out
    }

    public func debug(_ event: Event, _ more: (String, String)...) { write(.debug, event, more) }
    public func info(_ event: Event, _ more: (String, String)...) { write(.info, event, more) }
    public func warning(_ event: Event, _ more: (String, String)...) { write(.warning, event, more) }
    public func error(_ event: Event, _ more: (String, String)...) { write(.error, event, more) }
    public func fault(_ event: Event, _ fault: Fault, _ more: (String, String)...) {
        let level: Level = switch fault.disposition {
        case .retry, .wait: .info
        case .hold, .reject, .reauthorise: .warning
        case .bug: .error
        }
        write(level, event, [("code", fault.code), ("fault", fault.description)] + more)
    }

    private func write(_ level: Level, _ event: Event, _ more: [(String, String)]) {
        guard level >= least else { return }
        var line = "{\"at\":\"\(clocks.now())\",\"level\":\"\(level.text)\",\"component\":\(quoted(component)),\"event\":\"\(event.rawValue)\""
        for (name, value) in distinct(fields + more) { line += ",\(quoted(name)):\(quoted(value))" }
        line += "}\n"
        sink(Array(line.utf8))
    }

    /// One member a name, the last value counting: an object with a repeated key is read differently by everyone. The line's own names stay its own.
    private func distinct(_ all: [(String, String)]) -> [(String, String)] {
        var out: [(String, String)] = []
        for (name, value) in all {
            let name = ["at", "level", "component", "event"].contains(name) ? "field_" + name : name
            if let at = out.firstIndex(where: { $0.0 == name }) {
                out[at].1 = value
            } else {
                out.append((name, value))
            }
        }
        return out
    }

    public static let standardError: @Sendable ([UInt8]) -> Void = { bytes in
        _ = bytes.withUnsafeBytes { Glibc.write(2, $0.baseAddress, $0.count) }
    }
}

/// Unicode scalars of one value that a line keeps.
private let valueScalars = 8_192

/// A JSON string literal without any character that some reader takes for the end of a line or for a command to the terminal; cut where too long.
func quoted(_ text: String) -> String {
    var out = "\""
    var kept = 0
    for scalar in text.unicodeScalars {
        kept += 1
        guard kept <= valueScalars else {
            out += "…"
            break
        }
        switch scalar {
        case "\"": out += "\\\""
        case "\\": out += "\\\\"
        case "\n": out += "\\n"
        case "\r": out += "\\r"
        case "\t": out += "\\t"
        case "\u{0}" ... "\u{1f}", "\u{7f}" ... "\u{9f}", "\u{2028}" ... "\u{2029}":
            let digits = String(scalar.value, radix: 16)
            out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: out.unicodeScalars.append(scalar)
        }
    }
    return out + "\""
}
