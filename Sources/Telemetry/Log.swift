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
        for (name, value) in fields + more { line += ",\(quoted(name)):\(quoted(value))" }
        line += "}\n"
        sink(Array(line.utf8))
    }

    public static let standardError: @Sendable ([UInt8]) -> Void = { bytes in
        _ = bytes.withUnsafeBytes { Glibc.write(2, $0.baseAddress, $0.count) }
    }
}

/// A JSON string literal.
func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": out += "\\\""
        case "\\": out += "\\\\"
        case "\n": out += "\\n"
        case "\r": out += "\\r"
        case "\t": out += "\\t"
        case _ where scalar.value < 32: out += "\\u00" + String(scalar.value >> 4, radix: 16) + String(scalar.value & 15, radix: 16)
        default: out.unicodeScalars.append(scalar)
        }
    }
    return out + "\""
}
