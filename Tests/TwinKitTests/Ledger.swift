import Kernel
import TwinKit
import Wire

/// A row in a list of its owner, and in one for each of its tags.
struct Note: TwinRow, Equatable {
    static let keyName = "id"
    var key: String
    var owner: String
    var tags: [String] = []
    var rank: Int64 = 0
    var text: String = ""

    var shelves: [String] { [owner] + tags.map { "\(owner)/\($0)" } }

    var record: JSON {
        .object([
            ("t", "note"), ("id", .string(key)), ("o", .string(owner)), ("g", .array(tags.map { .string($0) })), ("r", .number("\(rank)")), ("x", .string(text)),
        ])
    }

    init(_ key: String, _ owner: String, tags: [String] = [], rank: Int64 = 0, text: String = "") {
        self.key = key
        self.owner = owner
        self.tags = tags
        self.rank = rank
        self.text = text
    }

    init?(_ record: JSON) {
        guard record["t"]?.string == "note", let key = record["id"]?.string, let owner = record["o"]?.string, let rank = record["r"]?.int else { return nil }
        self.init(key, owner, tags: (record["g"]?.array ?? []).compactMap(\.string), rank: Int64(rank), text: record["x"]?.string ?? "")
    }
}

struct Notes: TabledMemory {
    var rows = TwinTable<Note>()
    /// Not in the journal.
    var asked = 0
}

extension TwinTable<Note> {
    func keys(on shelf: String) -> [String] { all(on: shelf).map(\.key) }
}
