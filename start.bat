@echo off
rem Opens the page of Train Tools; makes its environment first where there is none. What stands behind goes on to
rem `python -m train_tools start`, as: start.bat --port 7871
setlocal
rem Paths may hold any letters.
chcp 65001 >nul
set "HERE=%~dp0"
set "PYTHONPATH=%~dp0."
set "PYTHONSAFEPATH=1"
set "PYTHONUTF8=1"
set "FITS=import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info < (3, 15))"
set "FLAG="

call :try "%HERE%.venv\Scripts\python.exe" && goto found
for %%v in (3.13 3.12 3.11 3.10 3.14) do call :launcher -%%v && goto found
set "FLAG="
call :try python && goto found

rem None fits: a private one, by uv, in this folder.
set "UV_PYTHON_INSTALL_DIR=%HERE%.python"
set "UV_PYTHON_PREFERENCE=only-managed"
set "UV=%HERE%.python\uv.exe"
for %%u in (uv.exe) do if not "%%~$PATH:u"=="" set "UV=%%~$PATH:u"
call :private && goto found
echo No Python from 3.10 to 3.14 is on this machine.
set "ANSWER=y"
set /p "ANSWER=Fetch a private one into %HERE%.python (about 60 MB)? [Y/n] "
if /i "%ANSWER:~0,1%"=="n" exit /b 1
set "UV_UNMANAGED_INSTALL=%HERE%.python"
if not exist "%UV%" powershell -NoProfile -ExecutionPolicy Bypass -Command "irm https://astral.sh/uv/install.ps1 | iex"
"%UV%" python install 3.12
call :private && goto found
echo No Python could be fetched; install Python 3.12 from python.org, then start again.
pause
exit /b 1

:found
"%PYTHON%" %FLAG% -m train_tools start %*
if errorlevel 1 pause
exit /b %errorlevel%

:try
set "PYTHON=%~1"
"%PYTHON%" %FLAG% -c "%FITS%" >nul 2>nul
exit /b %errorlevel%

:launcher
set "FLAG=%1"
call :try py
exit /b %errorlevel%

:private
if not exist "%UV%" exit /b 1
if not exist "%HERE%.python" mkdir "%HERE%.python"
set "PYTHON="
"%UV%" python find --no-project 3.12 >"%HERE%.python\found.txt" 2>nul
set /p PYTHON=<"%HERE%.python\found.txt"
if not defined PYTHON exit /b 1
call :try "%PYTHON%"
exit /b %errorlevel%
