"""Disks, paths, rights, ports and the console; see `rule`."""

from __future__ import annotations

from train_tools.doctor.known.rule import AGAIN, Rule

SYSTEM = (
    Rule(
        "disk-full",
        "the disk is full",
        "磁盘已满",
        "free some space (`env remove` and the trash hold much), then `queue retry`",
        "清理磁盘（`env remove` 与回收站可释放空间），然后 `queue retry`",
        error=r"No space left|\[Errno 28\]|\[WinError (?:112|39)\]|not enough (?:free )?space|disk quota|"
        r"磁盘空间不足|StorageFull|"
        r"disk is full|os error (?:28|112)|code: (?:28|112)\b|PytorchStreamWriter|database or disk is full|"
        r"enforce fail at inline_container|unexpected pos \d+|disk space|needs .* GiB more",
        line=r"No space left|not enough space on the disk|Disk quota exceeded|磁盘空间不足|the disk is full|"
        r"disk quota is used up|os error (?:28|112)",
        offers=(AGAIN,),
        source="torch",
    ),
    Rule(
        "drive-failing",
        "a drive is gone, read-only, or reports errors",
        "磁盘已断开、只读或出现读写错误",
        "connect the drive again and check it for errors; keep the root on a drive that can be written",
        "重新连接磁盘并检查错误；将根目录放在可写的磁盘上",
        error=r"\[Errno (?:5|6|19|30|116|107|117)\]|Input/output error|Read-only file system|Stale file handle|"
        r"\[WinError (?:19|21|23|31|53|59|64|67|121|483|1006|1117|1167|1392|1393)\]|ReadOnlyFilesystem|"
        r"disk I/O error|readonly database|its drive (?:is gone|reports an error)|is read-only;|code: (?:5|"
        r"30), kind: "
        r"(?:Read|Uncat)|os error 30",
        line=r"its drive (?:is gone|reports an error)|Read-only file system|Input/output error|disk I/O error|"
        r"its disk or folder is read-only",
        offers=(AGAIN,),
    ),
    Rule(
        "database-locked",
        "a database is being written by another program",
        "数据库正被其他程序写入",
        "close other windows of this program and wait a moment; don't keep the root in cloud storage",
        "关闭本程序的其他窗口并稍等；不要把根目录放在云盘同步文件夹中",
        error=r"database (?:table )?is locked|database is busy",
        line=r"database is locked|is being written by another program",
        offers=(AGAIN,),
    ),
    Rule(
        "file-too-large",
        "a file is larger than its disk takes",
        "文件超过磁盘格式允许的大小",
        "choose a disk without that limit: FAT32 ends at 4 GB",
        "改用没有此限制的磁盘：FAT32 单个文件最大 4 GB",
        error=r"\[Errno 27\]|File too large|\[WinError 223\]|is too large a file",
        line=r"is too large a file for its disk",
    ),
    Rule(
        "too-many-files",
        "too many files are open at once",
        "同时打开的文件过多",
        "set max_data_loader_n_workers=0, or allow more with `ulimit -n 65536`",
        "设置 max_data_loader_n_workers=0，或用 `ulimit -n 65536` 提高上限",
        error=r"\[Errno 2[34]\]|Too many open files|too many files are open",
        line=r"Too many open files|too many files are open",
    ),
    Rule(
        "port-taken",
        "another program has the port",
        "端口被占用",
        "close the other program, or start with another --port (several GPUs: set the variable MASTER_PORT)",
        "关闭占用端口的程序，或用 --port 指定其他端口（多显卡：设置环境变量 MASTER_PORT）",
        error=r"\[Errno (?:13|98|10013|10048|48)\].*(?:bind|address)|address (?:is )?already in use|EADDRINUSE|"
        r"attempting to bind on address|\[WinError 100(?:13|48)\]|Cannot find empty port|has the port|"
        r"server socket has failed to listen|通常每个套接字地址",
        line=r"address (?:is )?already in use|attempting to bind on address|WinError 100(?:13|48)|"
        r"Cannot find empty port|"
        r"another program has the port|EADDRINUSE",
        source="F14",
    ),
    Rule(
        "path-too-long",
        "a path is longer than the system allows",
        "路径过长",
        "in Windows allow long paths (`doctor` says how), or move the root to a shorter path",
        "Windows 请开启长路径支持（`doctor` 有说明），或把根目录移到较短的路径",
        error=r"\[Errno (?:36|63)\]|File ?name too long|\[WinError 206\]|is too long a name|文件名或扩展名太长|"
        r"path is too long",
        line=r"Filename too long|is too long a name for this disk",
        source="windows",
    ),
    Rule(
        "path-letters",
        "a path holds letters that the disk or the program doesn't take, as ? * < > | or a line break",
        "路径中含有不允许的字符，如 ? * < > | 或换行",
        "choose names of letters, digits, - and _; in Windows no ? * < > | : and no space at the end",
        "名称请只用字母、数字、- 和 _；Windows 路径不能含 ? * < > | : 或以空格结尾",
        error=r"\[Errno 22\] Invalid argument: '|\[WinError (?:123|161|87)\]|文件名、目录名或卷标语法不正确|"
        r"is no name that this disk takes|embedded null|InvalidFilename|code: 123",
        line=r"is no name that this disk takes",
    ),
    Rule(
        "permission",
        "a file can't be written: another program has it open, or it isn't yours",
        "文件无法写入：被占用或没有权限",
        "close what uses the file (also virus scanners and cloud storage), and keep the root in a folder of yours",
        "关闭占用该文件的程序（包括杀毒软件、云盘），并把根目录放在自己有写权限的位置",
        error=r"PermissionError|\[WinError (?:5|32|33)\]|\[Errno (?:1|13)\]|Access is denied|拒绝访问|"
        r"另一个程序正在使用|"
        r"PermissionDenied|being used by another process|isn't allowed to|open in another program|"
        r"code: (?:5|13|32|33), kind",
        line=r"Access is denied|拒绝访问|this account isn't allowed to|is open in another program|"
        r"^\S*: Permission denied|PermissionError",
        weak=True,
        offers=(AGAIN,),
        source="python",
    ),
    Rule(
        "path-missing",
        "a file or folder isn't where it is looked for",
        "找不到文件或文件夹",
        "look whether it was moved, renamed or deleted, and whether its drive is there; give whole paths in the "
        "settings, "
        "and make folders beforehand",
        "检查它是否被移动、重命名或删除，磁盘是否已连接；设置中请填写完整路径，并事先创建文件夹",
        error=r"FileNotFoundError|NotADirectoryError|IsADirectoryError|FileExistsError|\[WinError (?:2|3|183|267)\]|"
        r"\[Errno (?:2|17|20|21)\]|No such file or directory|系统找不到指定的|code: [23], kind: NotFound|"
        r"kind: NotFound|"
        r"(?:isn't there|is in the way); |does not exist|cannot find the (?:path|file)|Parent directory",
        line=r"isn't there; look whether it was moved|is not a valid (?:directory|path|file)\b|"
        r"is in the way: another|"
        r"^(?:ls|cp|mv|cd|cat|bash): .*No such file|系统找不到指定的(?:路径|文件)",
        weak=True,
        offers=(AGAIN,),
    ),
)
CONSOLE = (
    Rule(
        "garbled-text",
        "text was written in one encoding and read in another",
        "文字编码不一致，显示为乱码",
        'in Windows: Control Panel, Region, Administrative, Change system locale: untick "Use Unicode UTF-8 for '
        "worldwide "
        'language support", and restart',
        "Windows 控制面板 → 区域 → 管理 → 更改系统区域设置，取消勾选“使用 Unicode UTF-8 提供全球语言支持”，"
        "然后重启",
        line=r"锟斤拷|\ufffd{4,}|(?:[ÃÂ][\x80-\xbf]){4,}",
        source="F1",
    ),
)
