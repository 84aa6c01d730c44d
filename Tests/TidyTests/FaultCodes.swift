import Foundation

/// The codes that the program's faults carry, gathered from its source.
struct FaultCode {
    var code: String
    var rooms: Set<String> = []
    var dispositions: Set<String> = []
    /// What is said, with `…` for what differs each time.
    var summaries: [String] = []
    var remedies: [String] = []

    private static let direct = Pattern(#"\bFault\(\s*"([a-z][a-z0-9_]*)""#)
    private static let refusal = Pattern(#"\bRefusal\(\s*\d{3},\s*"([a-z][a-z0-9_]*)""#)
    private static let throughCall = Pattern(#"(?<!func )\b(?:fault|refused|refusal|undecided)\(\s*(?:\w+,\s*)?"([a-z][a-z0-9_]*)""#)
    private static let tuple = Pattern(#":\s*\("([a-z][a-z0-9_]*)",(?=\s*"[A-Z])"#)

    /// Every code of the files, by name. Four spellings are known: `Fault("code", …)`; `Refusal(404, "code", …)` of the API; a call of a function of the connector that takes the
    /// code and makes the fault; and a tuple of code and words in a file that makes faults from such.
    static func gather(_ files: [ProjectFile]) -> [String: FaultCode] {
        var out: [String: FaultCode] = [:]
        for file in files {
            let text = file.text
            let connector = file.path.contains("/Connectors/")
            for pattern in [direct, refusal] + (connector ? [throughCall, tuple] : []) {
                for match in pattern.matches(in: text) {
                    let start = String.Index(utf16Offset: match.end, in: text)
                    note(match.groups[1], file, arguments(text, from: start), into: &out)
                }
            }
        }
        return out
    }

    /// The rest of a call, to its closing parenthesis.
    private static func arguments(_ text: String, from start: String.Index) -> String {
        var depth = 1
        let rest = text.utf8[start...].prefix(4000)
        let end = rest.firstIndex { byte in
            if byte == UInt8(ascii: "(") { depth += 1 }
            if byte == UInt8(ascii: ")") { depth -= 1 }
            return depth == 0
        }
        return String(text[start ..< (end ?? rest.endIndex)])
    }

    private static func note(_ code: String, _ file: ProjectFile, _ arguments: String, into out: inout [String: FaultCode]) {
        var entry = out[code] ?? FaultCode(code: code)
        let parts = file.path.split(separator: "/").map(String.init)
        entry.rooms.insert(parts[1] == "Connectors" ? parts[2] : parts[1])
        for match in arguments.matches(of: /disposition:\s*\.(\w+)/) { entry.dispositions.insert(String(match.1)) }
        for (label, path) in [("summary", \FaultCode.summaries), ("remedy", \FaultCode.remedies)] {
            guard let found = arguments.range(of: label + ":") else { continue }
            let words = firstWords(String(arguments[found.upperBound...].prefix(900)))
            if !words.isEmpty, !entry[keyPath: path].contains(words) { entry[keyPath: path].append(words) }
        }
        if !arguments.contains("summary:") {
            // Words without a label: the API's refusals begin with what is wrong; of a connector's, a sentence with a full stop tells what to do.
            let api = parts[1] == "ControlPlane"
            for words in SwiftText(arguments).literals.filter({ !$0.isInner }).map(\.text) where words.split(separator: " ").count > 1 {
                if entry.summaries.isEmpty && (api || !words.hasSuffix(".")) {
                    entry.summaries.append(words)
                } else if entry.remedies.isEmpty && !api && words.hasSuffix(".") {
                    entry.remedies.append(words)
                }
            }
        }
        out[code] = entry
    }

    /// The literal that the argument's value begins with or chooses first; empty where its words come from elsewhere, and the next literal is the
    /// next argument's.
    private static func firstWords(_ argument: String) -> String {
        let before = argument.prefix { $0 != "\"" }
        guard before.firstMatch(of: /,\s*\w+:/) == nil else { return "" }
        return SwiftText(argument).literals.first { !$0.isInner && $0.text.contains(/\w/) }?.text ?? ""
    }

    /// What holds or refuses something and says to nobody what to do about it. What only a bench, a twin or a developer meets is left out.
    static func withoutRemedy(_ codes: [String: FaultCode]) -> [String] {
        codes.values.filter { entry in
            entry.remedies.isEmpty && !entry.dispositions.isDisjoint(with: ["hold", "reject", "reauthorise"]) && !entry.dispositions.contains("bug")
                && !entry.rooms.isSubset(of: ["Sandbox", "Scaffold", "counterfoil", "TwinKit", "Twins"])
        }.map(\.code).sorted()
    }

    /// The table of docs/errors.md.
    static func table(_ codes: [String: FaultCode]) -> String {
        var out = "| code | from | disposition | says | what to do |\n|---|---|---|---|---|\n"
        for entry in codes.values.sorted(by: { $0.code < $1.code }) {
            func cell(_ texts: [String]) -> String { texts.prefix(3).joined(separator: " / ").replacing("|", with: "\\|").replacing("\n", with: " ") }
            let dispositions = entry.dispositions
            let byItself = !dispositions.isEmpty && dispositions.isSubset(of: ["retry", "wait"])
            let remedies = entry.remedies.isEmpty && byItself ? ["None needed: it is tried again by itself. Where it stays, look at its cause in the log."] : entry.remedies
            out += "| `\(entry.code)` | \(entry.rooms.sorted().joined(separator: ", ")) | \(dispositions.sorted().joined(separator: ", ")) | \(cell(entry.summaries)) | \(cell(remedies)) |\n"
        }
        return out
    }

    static let tableStart = "<!-- table: begin -->\n"
    static let tableEnd = "<!-- table: end -->"
}
