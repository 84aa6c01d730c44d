public import Kernel
internal import Wire

/// When servers that others wrote were last read from without a difference, from the records of the scripts that did it: nothing of it is kept.
///
///     Tests/sdk/sweep_localstripe.py .build/debug/counterfoil --record servers.jsonl
public struct ServerRuns: Sendable {
    private var dates: [String: String] = [:]

    /// - Parameter records: a JSON object a line: `server`, `version`, `at` (a time in UTC) and `differences`.
    /// - Throws: `server_record_unreadable` for a line without these, and what `JSON` says of one that is none.
    public init(_ records: [UInt8]) throws(Fault) {
        for line in records.split(separator: 10) {
            let record = try JSON(parsing: Array(line))
            guard let server = record["server"]?.string, let version = record["version"]?.string, let differences = record["differences"]?.int,
                let at = record["at"]?.string, let time = Timestamp(rfc3339: at)
            else {
                throw Fault(
                    "server_record_unreadable", stage: .configuration, disposition: .reject,
                    summary: "a line of the servers' records lacks server, version, at or differences",
                    remedy: "Have the script write the file anew: Tests/sdk/sweep_….py PROGRAM --record FILE.")
            }
            // A later run that found something takes the word of an earlier one back.
            dates[Self.key(server, version)] = differences == 0 ? time.description : nil
        }
    }

    /// When it was last read from without a difference, in this very version; `nil` where no record says so.
    public func date(_ server: String, _ version: String) -> String? { dates[Self.key(server, version)] }

    private static func key(_ server: String, _ version: String) -> String { "\(server)==\(version)" }
}
