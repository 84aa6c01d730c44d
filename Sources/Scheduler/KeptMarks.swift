public import Kernel
public import Store
internal import Wire

/// What is remembered of databases outside of them: how far the keepers of each had come when it was looked at last. Pure.
public struct KeptMarks: Sendable, Hashable {
    /// Databases that are remembered, the one that was looked at last at the end.
    private static let lineagesMost = 20

    /// Whose memory it is. Only its owner raises this keeper's mark.
    public let keeper: KeeperID
    private var seen: [Standing] = []

    public init(keeper: KeeperID) { self.keeper = keeper }

    /// Keepers whose marks are to be compared.
    public var keepers: [KeeperID] { Set(seen.flatMap(\.marks.keys)).sorted() }

    /// Something of the database was seen that it no longer has. Another database than any before is none that has lost anything.
    public func isAhead(of standing: Standing) -> Bool {
        guard let known = seen.first(where: { $0.lineage == standing.lineage }) else { return false }
        return known.marks.contains { (standing.marks[$0.key] ?? 0) < $0.value }
    }

    /// Remembers how far they have come. Two looks may end in another order than they began: the higher counts.
    public mutating func note(_ standing: Standing) {
        var now = Standing(lineage: standing.lineage, marks: standing.marks)
        if let known = seen.first(where: { $0.lineage == standing.lineage }) { now.marks.merge(known.marks) { max($0, $1) } }
        seen.removeAll { $0.lineage == standing.lineage }
        seen = seen.suffix(KeptMarks.lineagesMost - 1) + [now]
    }

    // MARK: As a file

    public var bytes: [UInt8] {
        JSON.object([
            ("keeper", .string(keeper.description)),
            ("seen", .array(seen.map { standing in
                .object([
                    ("lineage", .string(standing.lineage.description)),
                    ("marks", .object(standing.marks.sorted { $0.key < $1.key }.map { ($0.key.description, .number("\($0.value)")) })),
                ])
            })),
        ]).bytes
    }

    /// `nil` for what is no such file.
    public init?(_ bytes: [UInt8]) {
        guard let json = try? JSON(parsing: bytes), let keeper = json["keeper"]?.string.flatMap({ KeeperID($0) }), let seen = json["seen"]?.array else { return nil }
        self.init(keeper: keeper)
        for item in seen {
            guard let lineage = item["lineage"]?.string.flatMap({ LineageID($0) }), let members = item["marks"]?.object else { return nil }
            var standing = Standing(lineage: lineage, marks: [:])
            for (name, value) in members {
                guard let keeper = KeeperID(name), let mark = value.int, mark > 0 else { return nil }
                standing.marks[keeper] = Int64(mark)
            }
            self.seen.append(standing)
        }
    }
}
